"""`quantum deploy` and `quantum uninstall` into an image: what is written, what an upgrade keeps, what is refused."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from quantum_common.acl import USERS
from quantum_common.settings import Environment, load
from services.cli.complaint import Complaint
from services.cli.deploy import deploy_command, manifest, packages, place, settings_files, venv
from services.cli.deploy.deploy_command import run_deploy
from services.cli.deploy.place import Place
from services.cli.deploy.shell_files import SCRIPTS
from services.cli.deploy.steps import Kind
from services.cli.deploy.uninstall_command import run_uninstall
from services.cli.deploy.verbs import deploy
from services.cli.deploy.wishes import Wishes
from services.cli.env_text import active
from services.cli.man_pages import pages
from services.cli.options import Profile
from services.cli.reference import SERVICES

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An empty image with an interpreter; its users are not made, and this checkout counts as readable."""
    root = tmp_path / "image"
    (root / "usr" / "bin").mkdir(parents=True)
    (root / "usr" / "bin" / PYTHON).touch()
    monkeypatch.setattr(deploy_command, "make_users", lambda where: "")
    monkeypatch.setattr(venv, "require_readable", lambda *folders: None)
    return Place(root)


def install(image: Place, *, dry_run: bool = False, **wishes: object) -> None:
    made = Wishes(**{"place": image, "link": True, **wishes})  # type: ignore[arg-type]
    assert run_deploy(made, dry_run=dry_run, start=False) == 0


def text(image: Place, name: str) -> str:
    return image.at(f"/etc/quantum/{name}").read_text(encoding="utf-8")


def units(image: Place) -> set[str]:
    return {path.name for path in image.at("/etc/systemd/system").glob("quantum-*.service")}


def everything(image: Place) -> dict[str, str]:
    """Every path of the image with what it holds."""
    return {
        path.relative_to(image.root).as_posix(): str(path.readlink())
        if path.is_symlink()
        else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in image.root.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def test_a_first_installation_is_whole_and_on_paper(image: Place) -> None:
    install(image)
    for service, model in SERVICES.items():
        values = load(model, service, {"QUANTUM_CONFIG_DIR": str(image.at("/etc/quantum"))})
        assert values.quantum_env is Environment.PAPER
        assert values.quantum_redis_url == "unix:///run/quantum-redis/redis.sock"
    assert units(image) >= {f"quantum-{name}.service" for name in (*SERVICES, "redis", "paper-exchange")}
    for secret in ("api-key", "api-secret", "redis/users.acl", *(f"redis/{user}.password" for user in USERS)):
        assert image.at(f"/etc/quantum/{secret}").stat().st_mode & 0o777 == 0o600, secret
    wanted = image.at("/etc/systemd/system/quantum.target.wants")
    assert {path.name for path in wanted.iterdir()} == units(image)
    assert all((path.parent / path.readlink()).is_file() for path in wanted.iterdir())


def test_redis_knows_the_passwords_only_as_sums(image: Place) -> None:
    install(image)
    acl = text(image, "redis/users.acl")
    for user in USERS:
        password = text(image, f"redis/{user}.password").strip()
        assert password not in acl
        assert f"user {user} on #{hashlib.sha256(password.encode()).hexdigest()} " in acl


def test_a_password_file_that_is_empty_gets_a_password(image: Place) -> None:
    install(image)
    image.at("/etc/quantum/redis/governor.password").write_text("", encoding="ascii")  # as a crash may leave it
    install(image)
    password = text(image, "redis/governor.password").strip()
    assert password
    assert f"user governor on #{hashlib.sha256(password.encode()).hexdigest()} " in text(image, "redis/users.acl")


def test_an_edited_file_is_read_as_a_service_reads_it(image: Place) -> None:
    install(image)
    common = image.at("/etc/quantum/common.env")
    edited = common.read_text(encoding="utf-8").replace("QUANTUM_ENV=paper", 'QUANTUM_ENV="testnet" # for now')
    common.write_text(edited, encoding="utf-8")
    install(image, symbols=("BTCUSDT",))
    assert "quantum-paper-exchange.service" not in units(image)
    assert 'QUANTUM_ENV="testnet" # for now\n' in text(image, "common.env")


def test_a_key_that_stands_twice_is_not_changed_by_a_guess(image: Place) -> None:
    install(image)
    listed = image.at("/etc/quantum/ai-engine.env")
    listed.write_text(f"{listed.read_text(encoding='utf-8')}AI_SYMBOLS=ETHUSDT\n", encoding="utf-8")
    with pytest.raises(Complaint, match=r"ai-engine\.env: AI_SYMBOLS is set twice; change it by hand"):
        install(image, symbols=("BTCUSDT",))


def test_a_second_run_finds_nothing_to_do(image: Place, capsys: pytest.CaptureFixture[str]) -> None:
    install(image)
    before = everything(image)
    capsys.readouterr()
    install(image)
    assert capsys.readouterr().out == "nothing to do\n"
    assert everything(image) == before


def test_a_dry_run_shows_everything_and_writes_nothing(image: Place, capsys: pytest.CaptureFixture[str]) -> None:
    before = everything(image)
    install(image, dry_run=True)
    assert everything(image) == before
    said = capsys.readouterr().out
    assert "+ /etc/systemd/system/quantum-governor.service\n" in said
    assert said.endswith("nothing was done: --dry-run\n")


def test_what_is_asked_for_is_set_and_the_rest_stays(image: Place) -> None:
    install(image, symbols=("BTCUSDT", "ETHUSDT"), profile=Profile.TRADE)
    lists = {
        "ai-engine.env": "AI_SYMBOLS", "intent-bridge.env": "INTENT_BRIDGE_ALLOWLIST",
        "intent-executor.env": "INTENT_EXECUTOR_ALLOWLIST", "position-state-brain.env": "P33_ALLOWLIST",
    }  # fmt: skip
    assert {active(text(image, file))[key] for file, key in lists.items()} == {"BTCUSDT,ETHUSDT"}
    install(image, symbols=("SOLUSDT",))
    assert {active(text(image, file))[key] for file, key in lists.items()} == {"SOLUSDT"}
    assert active(text(image, "ai-engine.env"))["AI_PROFILE"] == "trade"


def test_another_environment_brings_and_takes_the_paper_exchange(
    image: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    install(image, profile=Profile.TRADE)
    install(image, environment=Environment.TESTNET)
    assert "quantum-paper-exchange.service" not in units(image)
    assert not image.at("/etc/systemd/system/quantum.target.wants/quantum-paper-exchange.service").is_symlink()
    assert "! /etc/quantum/api-key  write your API key for testnet here" in capsys.readouterr().out
    install(image, environment=Environment.PAPER)
    assert "quantum-paper-exchange.service" in units(image)
    assert image.at("/etc/systemd/system/quantum.target.wants/quantum-paper-exchange.service").is_symlink()


def test_a_redis_of_somebody_else_gets_no_unit(image: Place) -> None:
    install(image, redis_url="unix:///run/redis/redis.sock")
    assert "quantum-redis.service" not in units(image)
    assert not image.at("/opt/quantum/bin/redis-server").is_symlink()
    assert active(text(image, "common.env"))["QUANTUM_REDIS_URL"] == "unix:///run/redis/redis.sock"


def test_a_server_of_the_system_is_run_where_it_is_named(image: Place) -> None:
    for name in ("redis-server", "redis-check-aof"):
        image.at(f"/usr/bin/{name}").touch()
    install(image, redis_server=Path("/usr/bin/redis-server"))
    assert image.at("/opt/quantum/bin/redis-server").readlink() == Path("/usr/bin/redis-server")
    assert image.at("/opt/quantum/bin/redis-check-aof").readlink() == Path("/usr/bin/redis-check-aof")
    install(image)
    assert image.at("/opt/quantum/bin/redis-server").readlink() == Path("/usr/bin/redis-server"), "an upgrade keeps it"


def newer(image: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ship another version: a new key in governor.env, another redis.conf."""
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    for path in place.shipped("etc/quantum").iterdir():
        content = path.read_text(encoding="utf-8")
        if path.name == "governor.env":
            content += "\n# A key of the next version.\n#GOV_NEXT=1\n"
        if path.name == "redis.conf":
            content += "\nmaxclients 100\n"
        (fresh / path.name).write_text(content, encoding="utf-8")
    was = place.shipped

    def shipped(name: str) -> Path:
        return fresh if name == "etc/quantum" else was(name)

    monkeypatch.setattr(settings_files, "shipped", shipped)


def test_an_upgrade_keeps_what_was_edited_and_names_what_is_new(
    image: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(image)
    passwords = {user: text(image, f"redis/{user}.password") for user in USERS}
    governor = image.at("/etc/quantum/governor.env")
    edited = text(image, "governor.env").replace("#GOV_HEAT_MAX=0.06", "GOV_HEAT_MAX=0.04  ") + "# mine\n"
    governor.write_text(edited, encoding="utf-8")
    newer(image, monkeypatch, tmp_path)
    capsys.readouterr()
    install(image)
    assert text(image, "governor.env").startswith(edited)
    assert "# A key of the next version.\n#GOV_NEXT=1\n" in text(image, "governor.env")
    said = capsys.readouterr().out
    assert "~ /etc/quantum/governor.env  edited, and kept; new keys at its end, as comments: GOV_NEXT\n" in said
    assert {user: text(image, f"redis/{user}.password") for user in USERS} == passwords
    install(image)
    assert text(image, "governor.env").count("GOV_NEXT") == 1


def test_an_upgrade_brings_a_file_that_nobody_edited_up_to_date_with_its_values(
    image: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(image, symbols=("BTCUSDT",))
    newer(image, monkeypatch, tmp_path)
    install(image)
    assert text(image, "governor.env").endswith("\n# A key of the next version.\n#GOV_NEXT=1\n")
    assert active(text(image, "intent-bridge.env"))["INTENT_BRIDGE_ALLOWLIST"] == "BTCUSDT"
    assert text(image, "redis.conf").endswith("maxclients 100\n")


def test_an_upgrade_leaves_out_of_a_file_that_nobody_edited_what_no_service_knows_any_more(
    image: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    former = tmp_path / "former"
    shutil.copytree(place.shipped("etc/quantum"), former)
    with (former / "governor.env").open("a", encoding="utf-8") as file:
        file.write("\n# A key of the version before.\nGOV_FORMER=1\n")
    with monkeypatch.context() as patch:
        patch.setattr(settings_files, "shipped", lambda name: former)
        install(image)
    assert "GOV_FORMER=1" in text(image, "governor.env")
    install(image)
    assert "GOV_FORMER" not in text(image, "governor.env")


def test_an_edited_redis_conf_stays_with_the_new_one_beside_it(
    image: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(image)
    image.at("/etc/quantum/redis.conf").write_text("maxmemory 9gb\n", encoding="utf-8")
    newer(image, monkeypatch, tmp_path)
    install(image)
    assert text(image, "redis.conf") == "maxmemory 9gb\n"
    assert text(image, "redis.conf.new").endswith("maxclients 100\n")


def test_a_service_that_was_disabled_stays_so(image: Place) -> None:
    install(image)
    image.at("/etc/systemd/system/quantum.target.wants/quantum-ai-engine.service").unlink()
    install(image)
    assert not image.at("/etc/systemd/system/quantum.target.wants/quantum-ai-engine.service").is_symlink()


def test_a_setting_that_keeps_a_service_from_starting_is_said(image: Place, capsys: pytest.CaptureFixture[str]) -> None:
    install(image)
    governor = image.at("/etc/quantum/governor.env")
    governor.write_text(text(image, "governor.env") + "GOV_HEAT=1\n", encoding="utf-8")
    install(image)
    assert f"! {governor}:" in capsys.readouterr().out


def test_a_webhook_that_was_written_becomes_a_credential(image: Place) -> None:
    install(image)
    drop_in = image.at("/etc/systemd/system/quantum-alerts.service.d/20-webhook.conf")
    assert not drop_in.exists()
    image.at("/etc/quantum/alerts-webhook").write_text("https://example.invalid/\n", encoding="utf-8")
    install(image)
    assert "LoadCredential=webhook:/etc/quantum/alerts-webhook" in drop_in.read_text(encoding="utf-8")
    image.at("/etc/quantum/alerts-webhook").unlink()
    install(image)
    assert not drop_in.exists()


def test_another_prefix_is_written_into_the_units(image: Place) -> None:
    install(Place(image.root, "/srv/q"))
    unit = image.at("/etc/systemd/system/quantum-governor.service").read_text(encoding="utf-8")
    assert "ExecStart=/srv/q/venv/bin/quantum-governor\n" in unit
    with pytest.raises(Complaint, match="has it in /srv/q; quantum uninstall first"):
        install(image)


def test_manual_pages_and_completions_come_and_go_with_the_verbs(
    image: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    install(image)
    man = image.at("/usr/local/share/man/man1")
    assert {path.name: path.read_text(encoding="utf-8") for path in man.iterdir()} == pages()
    former, other = man / "quantum-former.1", man / "other.1"
    for page in (former, other):
        page.write_text("a page\n", encoding="utf-8")
    installed = manifest.read(image)
    installed.add("/usr/local/share/man/man1/quantum-former.1", Kind.OURS)
    installed.save(image)
    capsys.readouterr()
    install(image)
    assert capsys.readouterr().out.splitlines() == [
        "- /usr/local/share/man/man1/quantum-former.1  of a verb that is not there any more"
    ]
    assert run_uninstall(image, purge=False, dry_run=False) == 0
    share = image.at("/usr/local/share")
    assert [path for path in share.rglob("*") if not path.is_dir()] == [other]


@pytest.mark.parametrize("shell", SCRIPTS)
def test_a_shell_takes_its_completion_script(image: Place, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    install(image)
    done = subprocess.run(
        [shell, "-n", str(image.at(SCRIPTS[shell]))], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_uninstall_leaves_settings_and_a_purge_leaves_nothing_of_ours(image: Place) -> None:
    before = everything(image)
    install(image)
    image.at("/etc/quantum/mine").write_text("x", encoding="utf-8")
    assert run_uninstall(image, purge=False, dry_run=False) == 0
    assert not image.at("/opt").exists() or not any(image.at("/opt").iterdir())
    assert image.at("/etc/quantum/governor.env").is_file()
    assert run_uninstall(image, purge=True, dry_run=False) == 0
    assert everything(image).keys() - before.keys() == {"etc/quantum/mine"}
    with pytest.raises(Complaint, match="nothing is installed there"):
        run_uninstall(image, purge=True, dry_run=False)


def test_without_root_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(Complaint, match=r"^deploy: needs root: sudo quantum deploy; or --root DIR for an image$"):
        deploy()
    with pytest.raises(Complaint, match=r"^uninstall: needs root"):
        run_uninstall(Place(), purge=False, dry_run=False)


def test_an_image_without_our_python_is_refused(image: Place) -> None:
    image.at(f"/usr/bin/{PYTHON}").unlink()
    with pytest.raises(Complaint, match=f"there is no /usr/bin/{PYTHON}"):
        install(image)


def test_packages_that_are_not_the_pinned_ones_are_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "_requirements", lambda: "pydantic==0.0.1 \\\n    --hash=sha256:00\n")
    with pytest.raises(Complaint, match=r"pydantic is \S+ here, and requirements.txt pins 0.0.1; install the pinned"):
        packages.read_packages(pinned=True)
    assert [one.name for one in packages.read_packages(pinned=False).found] == ["pydantic"]


def test_a_checkout_that_services_cannot_read_is_not_linked(tmp_path: Path) -> None:
    with pytest.raises(Complaint, match="services cannot see this folder"):
        venv.require_readable(Path("/root/quantum"))
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(Complaint):
        venv.require_readable(closed)
