"""The list of commands."""

import typer

from imserver.cli.apps import apps
from imserver.cli.data import backup, restore, verify_
from imserver.cli.others import PASS_ON, chat, demo, sim, version
from imserver.cli.serve import serve
from imserver.cli.tokens import token, token_check
from imserver.cli.users import users

root = typer.Typer(
    name="imserver",
    help="A messaging server whose sessions outlive their connections.",
    epilog="Begin with: imserver demo, or: imserver serve",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 120},
)
root.command()(serve)
root.add_typer(apps)
root.add_typer(users)
root.command()(token)
root.command("token-check")(token_check)
root.command(context_settings=PASS_ON)(chat)
root.command(context_settings=PASS_ON)(demo)
root.command(context_settings=PASS_ON)(sim)
root.command()(backup)
root.command()(restore)
root.command("verify")(verify_)
root.command()(version)
