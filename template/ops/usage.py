"""What Invoke lacks: `inv deploy --help`, a positional argument with a default, wrong use is 2."""

from typing import Any, NoReturn

from invoke.exceptions import Exit
from invoke.parser.parser import ParseMachine

HELP = "--help"
WRONG = 2
"""`ops.deployment.Code.REFUSED`, which takes long to load."""

_handle, _complete = ParseMachine.handle, ParseMachine.complete_context


def handle(machine: ParseMachine, token: str) -> None:
    """Take the next word of a command line; of what is after a task's name, with more care."""
    context, core = machine.context, machine.initial.flags
    is_flag = token in context.flags or token in context.inverse_flags
    if not context.name or is_flag or machine.waiting_for_flag_value:
        _handle(machine, token)
    elif token in {HELP, "-h"}:
        core[HELP].value = context.name
    elif token.startswith("-") and token not in core:
        error(machine, f"there is no option {token}")
    elif left := [each for each in context.positional_args if not each.got_value]:
        left[0].value = token
    else:
        _handle(machine, token)


def complete(machine: ParseMachine) -> None:
    """Leave a task's part of it; one that is only asked about needs no arguments."""
    if not machine.initial.flags[HELP].value:
        _complete(machine)


def error(machine: ParseMachine, msg: str) -> NoReturn:
    """End with one sentence."""
    name = machine.context.name
    raise Exit(f"{msg} (see `inv {f'--help {name}' if name else '--list'}`)", code=WRONG)


def install() -> None:
    """Have Invoke's parser, which cannot be exchanged or inherited from, work so."""
    machine: Any = ParseMachine
    machine.handle, machine.complete_context, machine.error = handle, complete, error
