"""`quantum deploy`: plan, show, do, and say what comes next."""

from quantum_common.settings import CommonSettings, SettingsError, load
from services.cli.complaint import Complaint
from services.cli.deploy import manifest as record
from services.cli.deploy.host import active, make_users, systemctl, tell
from services.cli.deploy.packages import read_packages
from services.cli.deploy.place import CONFIG, Place, may_write
from services.cli.deploy.settings_files import SettingsFiles
from services.cli.deploy.shell_files import ShellFiles
from services.cli.deploy.steps import Kind, Step, take
from services.cli.deploy.unit_files import TARGET, UnitFiles
from services.cli.deploy.venv import Venv
from services.cli.deploy.wishes import Wishes
from services.cli.options import EXIT_USAGE
from services.cli.reference import SERVICES

BOOT = "/etc/systemd/system/multi-user.target.wants/quantum.target"


def run_deploy(wishes: Wishes, *, dry_run: bool, start: bool) -> int:
    """Given what is asked for, install it, and start it where asked; return 0. Raise Complaint."""
    place = wishes.place
    if not may_write(place):
        raise Complaint("deploy: needs root: sudo quantum deploy; or --root DIR for an image", EXIT_USAGE)
    installed = record.read(place)
    if installed.prefix and installed.prefix != place.prefix:
        raise Complaint(
            f"deploy: --prefix {place.prefix}: this machine has it in {installed.prefix}; quantum uninstall first",
            EXIT_USAGE,
        )
    installed.prefix = place.prefix
    settings = SettingsFiles(wishes, installed)
    units = UnitFiles(wishes, installed, settings)
    installed.add(place.venv, Kind.OURS)
    try:
        venv = Venv(place, read_packages(pinned=not wishes.link), wishes.link)
        steps = [*venv.steps(), *settings.steps(), *units.steps(), *ShellFiles(place, installed).steps()]
        doing = _do(steps, dry_run=dry_run)
        if dry_run:
            return 0
        installed.save(place)
        left = make_users(place) if doing else ""
        if left:
            tell(f"! {left}")
    except OSError as error:
        raise Complaint(f"deploy: {error.filename}: {error.strerror}", status=1) from None
    for doubt in _doubts(place):
        tell(f"! {doubt}")
    if not place.live:
        return _enable_in_image(place) if start else 0
    if doing:
        systemctl("daemon-reload")
    return _start(units, changed=doing) if start else _next(changed=doing)


def _do(steps: list[Step], *, dry_run: bool) -> bool:
    """Show every step and take it; return whether there was one to take."""
    doing = take(steps, dry_run=dry_run)
    if not doing:
        tell("nothing to do")
    elif dry_run:
        tell("nothing was done: --dry-run")
    return doing


def _doubts(place: Place) -> list[str]:
    """Return what keeps a service from starting with the settings that stand there now."""
    doubts: dict[str, None] = {}
    models: dict[str, type[CommonSettings]] = {**SERVICES, "cli": CommonSettings}
    for service, model in models.items():
        try:
            load(model, service, {"QUANTUM_CONFIG_DIR": str(place.at(CONFIG))})
        except SettingsError as error:
            doubts[str(error)] = None
    return list(doubts)


def _enable_in_image(place: Place) -> int:
    """An image cannot be started; it starts when it boots."""
    there = place.at(BOOT)
    if not there.is_symlink():
        there.parent.mkdir(parents=True, exist_ok=True)
        there.symlink_to(f"../{TARGET}")
        tell(f"+ {BOOT}  starts when the image boots")
    return 0


def _start(units: UnitFiles, *, changed: bool) -> int:
    """Start at every boot and now; what runs already starts anew where something changed. Say what does not run."""
    systemctl("enable", TARGET)
    running = active(TARGET)
    if changed or not running:
        systemctl("restart" if running else "start", TARGET)
    down = [name for name in units.wanted() if name != TARGET and not active(name)]
    for name in down:
        tell(f"! {name}  does not run: journalctl -u {name} -n 5")
    if not down:
        tell(f"{TARGET}: {len(units.wanted()) - 1} units run; systemctl status 'quantum-*'")
    return 1 if down else 0


def _next(*, changed: bool) -> int:
    if active(TARGET):
        if changed:
            tell(f"what runs is what was there before: systemctl restart {TARGET}")
    else:
        tell(f"next: systemctl enable --now {TARGET}")
    return 0
