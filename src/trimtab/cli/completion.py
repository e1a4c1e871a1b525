"""`trimtab completion`."""

import sys
from typing import Literal

from trimtab.cli.app import CLEAN, app


def completion(shell: Literal["bash", "zsh", "fish"], /) -> int:
    """Print what makes a shell complete trimtab's commands and options.

    For bash `trimtab completion bash > ~/.local/share/bash-completion/completions/trimtab`, for fish
    `~/.config/fish/completions/trimtab.fish`, for zsh a file `_trimtab` in a folder of `$fpath`.
    """
    sys.stdout.write(app.generate_completion(shell=shell))
    return CLEAN
