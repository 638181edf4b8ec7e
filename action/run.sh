#!/usr/bin/env bash
# Runs one command of kiln, with annotations and the job's summary; of a plan, keeps one comment on the pull request.
set -euo pipefail

arguments=(--output github --project "${KILN_PROJECT:-.}")
if [[ -n "${KILN_ENVIRONMENT:-}" ]]; then
  arguments+=(--env "$KILN_ENVIRONMENT")
fi
# Further arguments are words, as they would be typed.
read -r -a more <<< "${KILN_ARGUMENTS:-}"

# Shows a file as this plan's comment: a line that nobody sees tells it from comments of others, and of other plans.
comment() {
  local file="$1" marked="$1.marked" id target
  export MARKER="<!-- kiln plan: ${KILN_PROJECT:-.} ${KILN_ENVIRONMENT:-} -->"
  # A comment has 65,536 characters at most.
  { printf '%s\n' "$MARKER"; head -c 64000 "$file"; } > "$marked"
  if (( $(wc -c < "$file") > 64000 )); then
    printf '\n\n… The rest is in the job'"'"'s summary.\n' >> "$marked"
  fi
  id=$(gh api --paginate "repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/comments" \
    --jq '.[] | select(.body | startswith(env.MARKER)) | .id' | sed -n 1p) &&
  if [[ -n "$id" ]]; then
    target=(--method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$id")
  else
    target=(--method POST "repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/comments")
  fi &&
  gh api "${target[@]}" -F "body=@$marked" --silent
}

if [[ "$KILN_COMMAND" == plan && "${KILN_COMMENT:-false}" == true && -n "${PULL_REQUEST:-}" ]]; then
  plan="${RUNNER_TEMP:-/tmp}/kiln-plan.md"
  status=0
  kiln plan "${arguments[@]}" --markdown "$plan" "${more[@]}" || status=$?
  if [[ -s "$plan" ]]; then
    # The token of a fork's pull request may not comment; the plan is in the summary all the same.
    comment "$plan" || echo "::warning::the plan could not be shown as a comment: does the job have \`pull-requests: write\`?"
  fi
  exit "$status"
fi
exec kiln "$KILN_COMMAND" "${arguments[@]}" "${more[@]}"
