"""`import entreat` stays cheap: few modules, none of the heavy ones, and what is deferred arrives when it is touched."""

import pickle
import subprocess
import sys
import typing

import entreat
import pytest

HEAVY = {"urllib3", "idna", "certifi", "charset_normalizer", "email", "json", "typing", "datetime", "logging", "ssl"}
HEAVY |= {"http", "http.client", "http.cookiejar", "http.cookies", "urllib.parse", "urllib.request", "socket", "re"}


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def loaded(code):
    """The modules that a piece of code loads beyond those of a bare interpreter."""
    return set(run(f"import sys; before = set(sys.modules); {code}; print(*set(sys.modules) - before)"))


def test_import_loads_at_most_forty_modules():
    assert len(loaded("import entreat")) <= 40


def test_import_loads_none_of_the_heavy_modules():
    assert loaded("import entreat") & HEAVY == set()


def test_a_session_takes_nothing_heavy_until_it_is_used():
    assert loaded("import entreat; entreat.Session().headers") & HEAVY == set()


def test_default_headers_are_the_same_before_and_after_urllib3_is_there():
    code = "import entreat; a = entreat.Session().headers; import entreat.utils; print(a == entreat.Session().headers)"
    assert run(code) == ["True"]


def test_a_changed_default_user_agent_reaches_new_sessions():
    code = "import entreat; entreat.utils.default_user_agent = lambda: 'mine'; print(entreat.Session().headers['User-Agent'])"
    assert run(code) == ["mine"]


@pytest.mark.parametrize("name", ["JSONDecodeError", "ContentDecodingError"])
def test_a_deferred_exception_is_one_class_that_can_be_pickled(name):
    error_class = getattr(entreat.exceptions, name)
    assert getattr(entreat.exceptions, name) is error_class
    assert pickle.loads(pickle.dumps(error_class)) is error_class


def test_a_patched_global_counts_and_is_restored():
    code = (
        "import entreat; from unittest import mock\n"
        "with mock.patch('entreat.sessions.merge_cookies') as patched:\n"
        "    assert entreat.sessions.merge_cookies is patched\n"
        "print(entreat.sessions.merge_cookies is entreat.cookies.merge_cookies)"
    )
    assert run(code) == ["True"]


def test_a_global_set_before_the_imports_happen_is_kept():
    code = "import entreat; entreat.models.complexjson = 7; entreat.Request('GET', 'http://a/').prepare(); print(entreat.models.complexjson)"
    assert run(code) == ["7"]


@pytest.mark.parametrize(
    "annotated", [entreat.get, entreat.Session, entreat.Session.request, entreat.Response, entreat.Response.json]
)
def test_annotations_can_be_resolved(annotated):
    assert typing.get_type_hints(annotated)


def test_vars_of_a_session_shows_what_was_deferred():
    assert list(vars(entreat.Session()))[-2:] == ["cookies", "adapters"]


def test_a_subclass_finds_what_its_own_constructor_sets():
    class Recording(entreat.Session):
        mounted = ()

        def mount(self, prefix, adapter):
            self.mounted += (prefix,)
            super().mount(prefix, adapter)

    assert Recording().mounted == ("https://", "http://")


def test_threads_that_touch_a_new_session_at_once_get_the_same_jar_and_adapters():
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(16) as threads:
        for _ in range(50):
            session = entreat.Session()
            found = list(threads.map(lambda each: (id(each.cookies), id(each.adapters)), [session] * 16))
            assert len(set(found)) == 1
            assert list(session.adapters) == ["https://", "http://"]
