#!/usr/bin/env bash
# Runs one command of kiln, with annotations and the job's summary; of a plan, keeps one comment on the pull request.
set -euo pipefail

arguments=(--output github --project "${KILN_PROJECT:-.}")
if [[ -n "${KILN_ENVIRONMENT:-}" ]]; then
  arguments+=(--env "$KILN_ENVIRONMENT")
fi
# Further arguments are words, as they would be typed.
read -r -a more <<< "${KILN_ARGUMENTS:-}"

if [[ "$KILN_COMMAND" == plan && "${KILN_COMMENT:-false}" == true && -n "${PULL_REQUEST:-}" ]]; then
  plan="${RUNNER_TEMP:-/tmp}/kiln-plan.md"
  status=0
  kiln plan "${arguments[@]}" --markdown "$plan" "${more[@]}" || status=$?
  if [[ -s "$plan" ]]; then
    gh pr comment "$PULL_REQUEST" --edit-last --create-if-none --body-file "$plan"
  fi
  exit "$status"
fi
exec kiln "$KILN_COMMAND" "${arguments[@]}" "${more[@]}"
