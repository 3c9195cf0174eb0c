from __future__ import annotations

import hashlib
from importlib import metadata

import pytest

from pytest_defend.capture.pytestrun import read_pytest
from pytest_defend.capture.redaction import MASK, Redactor
from pytest_defend.model.pytestfacts import PytestFacts

REDACTOR = Redactor(["hunter22"])

ORDERING = """
def pytest_addoption(parser):
    parser.addoption("--random-order-seed", dest="random_order_seed")
    parser.addoption("--randomly-seed", dest="randomly_seed", type=int)
    parser.addoption("--retries", dest="retries", type=int)
    parser.addoption("--force-flaky", dest="force_flaky", action="store_true")
    parser.addoption("--only-again", dest="only_rerun", action="append")
    parser.addini("retry_delay", "seconds")
    parser.addini("min_passes", "patterns", type="linelist")
"""


def read(config: pytest.Config, environ: dict[str, str] | None = None) -> PytestFacts:
    fact, gaps = read_pytest(config, REDACTOR, environ or {})
    assert gaps == ()
    assert PytestFacts.from_bytes(fact.to_bytes()) == fact
    return fact


@pytest.fixture(autouse=True)
def _only_what_a_test_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)


def test_a_plain_run(pytester: pytest.Pytester) -> None:
    fact = read(pytester.parseconfig())
    assert fact.version == metadata.version("pytest")
    assert fact.rootdir == str(pytester.path)
    assert (fact.ini_path, fact.ini_sha256, fact.ini_args) == ("", "", ())
    assert (fact.markexpr, fact.keyword, fact.maxfail) == ("", "", 0)
    assert (fact.seeds, fact.reruns, fact.dist_mode, fact.workers) == ({}, {}, "", 0)
    assert fact.plugins == ()


def test_the_three_places_of_options(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("def pytest_addoption(parser):\n    parser.addoption('--token')\n")
    ini = pytester.makeini("[pytest]\naddopts = --strict-markers --token hunter22\n")
    config = pytester.parseconfig("-m", "slow and not hunter22", "-k", "one", "--maxfail=3", "--token=x")
    fact = read(config, {"PYTEST_ADDOPTS": "-q --token 'a b'"})
    assert fact.args[:6] == ("-m", f"slow and not {MASK}", "-k", "one", "--maxfail=3", f"--token={MASK}")
    assert fact.environment_args == ("-q", "--token", MASK)
    assert fact.ini_args == ("--strict-markers", "--token", MASK)
    assert fact.ini_path == "tox.ini"
    assert fact.ini_sha256 == hashlib.sha256(ini.read_bytes()).hexdigest()
    assert (fact.markexpr, fact.keyword, fact.maxfail) == (f"slow and not {MASK}", "one", 3)


def test_options_of_the_own_environment_are_read_when_none_is_given(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = pytester.parseconfig()
    monkeypatch.setenv("PYTEST_ADDOPTS", "-q -k 'open")
    assert read_pytest(config, REDACTOR)[0].environment_args == ("-q", "-k", "'open")


def test_a_configuration_file_elsewhere(
    pytester: pytest.Pytester, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "pytest.ini"
    elsewhere.write_text("[pytest]\n")
    config = pytester.parseconfig("-c", elsewhere, "--rootdir", pytester.path)
    assert read(config).ini_path == str(elsewhere)


def test_a_configuration_file_that_is_gone_is_a_gap(pytester: pytest.Pytester) -> None:
    ini = pytester.makeini("[pytest]\n")
    config = pytester.parseconfig()
    ini.unlink()
    fact, gaps = read_pytest(config, REDACTOR, {})
    assert fact.ini_sha256 == ""
    assert [gap.topic for gap in gaps] == ["pytest"]
    assert "tox.ini could not be read again" in gaps[0].problem


def test_plugins_by_distribution(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    site = pytester.mkdir("site")
    for name in ("one", "two"):
        site.joinpath(f"a_{name}.py").touch()
    info = site / "pytest_example-1.2.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: pytest-example\nVersion: 1.2\n")
    info.joinpath("entry_points.txt").write_text("[pytest11]\none = a_one\ntwo = a_two\n")
    monkeypatch.syspath_prepend(site)
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    plugins = read(pytester.parseconfig()).plugins
    assert [plugin.version for plugin in plugins if plugin.name == "pytest-example"] == ["1.2"]
    assert list(plugins) == sorted(plugins, key=lambda plugin: (plugin.name, plugin.version))


def test_seeds_and_reruns(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(ORDERING)
    pytester.makeini("[pytest]\nretry_delay = 0.5\nmin_passes =\n  first\n  second\n")
    fact = read(
        pytester.parseconfig(
            "--random-order-seed=hunter22",
            "--randomly-seed=0",
            "--retries=2",
            "--only-again=A",
            "--only-again=B",
        )
    )
    assert fact.seeds == {"random_order_seed": MASK, "randomly_seed": "0"}
    assert fact.reruns == {
        "min_passes": "first second",
        "only_rerun": "A B",
        "retries": "2",
        "retry_delay": "0.5",
    }


def test_the_seed_of_hypothesis(pytester: pytest.Pytester) -> None:
    config = pytester.parseconfig("-p", "_hypothesis_pytestplugin", "--hypothesis-seed=5")
    assert read(config).seeds == {"hypothesis_seed": "5"}


@pytest.mark.parametrize(
    ("arguments", "mode", "workers"),
    [
        ((), "no", 0),
        (("-n0",), "no", 0),
        (("-n2",), "load", 2),
        (("-n3", "--dist=loadgroup"), "loadgroup", 3),
        (("--dist=each", "--tx=2*popen", "--tx=popen//python=python3"), "each", 3),
        (("--dist=each", "--tx=popen//chdir=a*b"), "each", 1),
    ],
)
def test_workers(pytester: pytest.Pytester, arguments: tuple[str, ...], mode: str, workers: int) -> None:
    pytest.importorskip("xdist")
    config = pytester.parseconfig("-p", "xdist", *arguments)
    xdist = config.pluginmanager.get_plugin("xdist")
    assert xdist is not None
    xdist.pytest_cmdline_main(config=config)
    fact = read(config)
    assert (fact.dist_mode, fact.workers) == (mode, workers)


@pytest.mark.parametrize("plugin", ["cacheprovider", "terminal", "xdist", "logging", "capture"])
def test_no_plugin_is_taken_for_granted(pytester: pytest.Pytester, plugin: str) -> None:
    pytester.makeini("[pytest]\n")
    config = pytester.parseconfig("-p", f"no:{plugin}")
    assert read(config).args[:2] == ("-p", f"no:{plugin}")
