"""The alias: `import requests` means this package, for this process, whatever a program does to that module."""

import subprocess
import sys
import textwrap

import pytest


def run(code, *options):
    done = subprocess.run([sys.executable, *options, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def aliased(code):
    return run("import entreat\nentreat.install()\nimport requests\n" + textwrap.dedent(code))


def test_requests_is_this_package_with_requests_own_version():
    code = "print(requests.__file__ == entreat.__file__, requests.__version__, entreat.__version__, hex(requests.__build__))"
    assert aliased(code) == "True 2.34.2 0.1.0 0x23402"


@pytest.mark.parametrize("name", ["sessions", "adapters", "exceptions", "utils", "packages", "status_codes"])
def test_a_submodule_is_one_object_under_both_names(name):
    code = f"import requests.{name}, entreat.{name}, sys; print(sys.modules['requests.{name}'] is entreat.{name})"
    assert aliased(code) == "True"


def test_a_module_that_requests_does_not_have_cannot_be_imported_from_it():
    assert aliased("import requests.run") == "ModuleNotFoundError: No module named 'requests.run'"


def test_packages_are_the_installed_ones_even_where_they_were_not_loaded():
    code = """
        import requests.packages.urllib3.contrib.socks as ours, urllib3.contrib.socks as theirs
        from requests.packages.urllib3.util.retry import Retry
        print(ours is theirs, Retry is __import__('urllib3').Retry)
    """
    assert aliased(code) == "True True"


@pytest.mark.parametrize(
    "patch", ["'requests.get'", "'requests.sessions.Session.send'", "'requests.sessions.merge_cookies'"]
)
def test_a_patch_by_dotted_name_counts_and_is_undone(patch):
    code = f"""
        from unittest import mock
        import pkgutil
        before = pkgutil.resolve_name({patch})
        with mock.patch({patch}) as patched:
            assert pkgutil.resolve_name({patch}.replace('requests', 'entreat')) is patched
        print(pkgutil.resolve_name({patch}) is before)
    """
    assert aliased(code) == "True"


@pytest.mark.parametrize(
    "statement", ["requests.Session = 7", "requests.__dict__['Session'] = 7", "setattr(requests, 'Session', 7)"]
)
def test_an_assignment_reaches_the_package(statement):
    assert aliased(f"{statement}; print(entreat.Session, requests.Session)") == "7 7"


def test_classes_say_that_they_are_of_requests_and_pickle_as_such():
    code = """
        import pickle
        made = pickle.dumps(requests.exceptions.ConnectionError("x"))
        print(b"requests.exceptions" in made, b"entreat" in made, requests.adapters.HTTPAdapter.__module__)
    """
    assert aliased(code) == "True False requests.adapters"


def test_uninstall_gives_the_name_back():
    code = "entreat.uninstall(); import sys; print('requests' in sys.modules, entreat.Session.__module__)"
    assert aliased(code) == "False entreat.sessions"


def test_the_real_module_held_since_before_becomes_a_window():
    pytest.importorskip("requests")
    code = "import requests; held = requests; import entreat; entreat.install(); print(held.get is entreat.get)"
    assert run(code) == "True"


@pytest.mark.parametrize(
    "held", ["from requests import Session", "kept = requests.Session()", "class E(requests.HTTPError): pass"]
)
def test_it_refuses_to_split_a_program_between_two_sets_of_classes(held):
    pytest.importorskip("requests")
    said = run(f"import requests\n{held}\nimport entreat\nentreat.install()")
    assert said.startswith("RuntimeError: entreat.install() came too late")


def test_run_gives_a_script_its_own_arguments_and_folder(tmp_path):
    (tmp_path / "beside.py").write_text("value = 5")
    script = tmp_path / "script.py"
    script.write_text("import sys, beside, requests; print(__name__, sys.argv[1:], beside.value, requests.__version__)")
    command = [sys.executable, "-m", "entreat.run", str(script), "a", "-m"]
    assert subprocess.run(command, capture_output=True, text=True).stdout.strip() == "__main__ ['a', '-m'] 5 2.34.2"
