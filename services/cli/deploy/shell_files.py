"""What man and the shells read: manual pages and completion scripts, made from the command and put where they look."""

from collections.abc import Iterator
from dataclasses import dataclass

from typer.completion import get_completion_script  # type: ignore[attr-defined]  # it names no exports at all

from services.cli.deploy.manifest import Manifest
from services.cli.deploy.place import Place
from services.cli.deploy.steps import Kind, Step, file_step, remove_step

NAME = "quantum"
SHARE = "/usr/local/share"
MAN = f"{SHARE}/man/man1"
SCRIPTS = {
    "bash": f"{SHARE}/bash-completion/completions/{NAME}",
    "zsh": f"{SHARE}/zsh/site-functions/_{NAME}",
    "fish": f"/etc/fish/completions/{NAME}.fish",
}
FOLDERS = (  # each before the one it lies in
    MAN,
    f"{SHARE}/bash-completion/completions",
    f"{SHARE}/bash-completion",
    f"{SHARE}/zsh/site-functions",
    f"{SHARE}/zsh",
    "/etc/fish/completions",
    "/etc/fish",
)


@dataclass(frozen=True, slots=True)
class ShellFiles:
    """The steps over manual pages and completion scripts."""

    place: Place
    manifest: Manifest

    def steps(self) -> Iterator[Step]:
        """Return what is to be done, and note in the manifest what will stand there."""
        wanted = shell_files()
        for page in self.manifest.of(Kind.OURS):
            if page.startswith(f"{MAN}/") and page not in wanted:
                self.manifest.drop(page)
                yield from remove_step(self.place, page, "of a verb that is not there any more")
        for path, text in wanted.items():
            self.manifest.add(path, Kind.OURS)
            yield from file_step(self.place, path, text.encode())


def shell_files() -> dict[str, str]:
    """Return the text of every manual page and completion script by its path."""
    from services.cli.man_pages import pages  # noqa: PLC0415 - it reads the whole command, which has to be there first

    manual = {f"{MAN}/{name}": text for name, text in pages().items()}
    return manual | {path: completion_script(shell) for shell, path in SCRIPTS.items()}


def completion_script(shell: str) -> str:
    """Given a shell, return what it loads at the first Tab behind the command."""
    script = get_completion_script(prog_name=NAME, complete_var=f"_{NAME.upper()}_COMPLETE", shell=shell)
    # zsh runs the whole file as the function that completes, so that it has to answer this first Tab as well
    answer = f'\n\n_{NAME}_completion "$@"' if shell == "zsh" else ""
    return f"{script}{answer}\n"
