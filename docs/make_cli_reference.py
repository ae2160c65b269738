"""The commands go in, docs/cli.md comes out. Run it after a change of the CLI; a test says when it was forgotten."""

from __future__ import annotations

from pathlib import Path

import click

from viewfix.cli import COMMANDS, app
from viewfix.errors import ViewfixError

TARGET = Path(__file__).with_name("cli.md")

HEAD = """# The command line

Made from the code by `python docs/make_cli_reference.py`.

Answers go to standard output, progress and what was skipped to standard error. Every error is one line that says
what happened, what was seen and what to do; its exit code tells which kind it was:

"""

COMPLETION = """
## Shell completion

Put the line of your shell into its start-up file:

```sh
eval "$(_VIEWFIX_COMPLETE=bash_source viewfix)"            # ~/.bashrc
eval "$(_VIEWFIX_COMPLETE=zsh_source viewfix)"             # ~/.zshrc
_VIEWFIX_COMPLETE=fish_source viewfix | source             # ~/.config/fish/config.fish
```
"""


def errors(kind: type[ViewfixError] = ViewfixError) -> list[type[ViewfixError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in errors(child))]


def reference() -> str:
    context = click.Context(app, info_name="viewfix", **app.context_settings)
    lines = [HEAD, "| exit code | error |\n|---|---|\n", '| 0 | none; "not in this map" is an answer, not an error |\n']
    lines += [f"| {kind.exit_code} | `{kind.__name__}` |\n" for kind in errors()]
    lines.append("| 130 | stopped by the user; the same command goes on where it stopped |\n")
    lines.append(COMPLETION)
    for name in COMMANDS:
        command = app.get_command(context, name)
        assert command is not None
        lines += described(command, name, context)
    return "".join(lines)


def described(command: click.Command, name: str, parent: click.Context) -> list[str]:
    """The help of a command, and of the commands below it."""
    # 100 columns whatever the terminal: the file must not depend on who makes it.
    below = click.Context(command, info_name=name, parent=parent, terminal_width=100, max_content_width=100)
    lines = [f"\n## {below.command_path}\n\n```text\n{command.get_help(below)}\n```\n"]
    for inner, one in getattr(command, "commands", {}).items():
        lines += described(one, inner, below)
    return lines


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
