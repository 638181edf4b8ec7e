#!/usr/bin/env bash
# Builds kiln from the action's own checkout, once for each version, and puts it into the path of the steps that follow.
set -euo pipefail

home="$HOME/.cache/kiln-action"
if [[ "${KILN_LOCAL:-false}" == true ]]; then
  features=()
else
  features=(--no-default-features)
fi
if [[ ! -x "$home/bin/kiln" ]]; then
  CARGO_TARGET_DIR="$home/target" cargo install --locked --path "$GITHUB_ACTION_PATH" --root "$home" "${features[@]}"
  rm -rf "$home/target"
fi
echo "$home/bin" >> "$GITHUB_PATH"
"$home/bin/kiln" --version
