"""The main job, as a program that was written for `requests` does it: a GET, a POST of a form, their text and JSON."""

import entreat as requests


def test_a_get_prints_its_status_and_its_text(origin):
    response = requests.get(f"{origin.http}/get")
    assert response.status_code == 200
    assert f'"{origin.http}/get"' in response.text


def test_a_posted_form_comes_back_as_json(origin):
    response = requests.post(f"{origin.http}/post", data={"name": "John", "job": "developer"})
    assert response.status_code == 200
    assert response.json()["form"] == {"name": "John", "job": "developer"}
    assert response.json()["headers"]["Content-Type"] == "application/x-www-form-urlencoded"


def test_each_method_arrives_as_itself(origin):
    for method in ("get", "post", "put", "patch", "delete", "options"):
        url = f"{origin.http}/anything" if method != "options" else f"{origin.http}/get"
        response = getattr(requests, method)(url)
        assert response.status_code == 200
        if method != "options":
            assert response.json()["method"] == method.upper()
    assert requests.head(f"{origin.http}/get").content == b""
    assert requests.request("get", f"{origin.http}/anything").json()["method"] == "GET"


def test_a_session_keeps_headers_and_cookies(origin):
    with requests.Session() as session:
        session.headers["X-Kept"] = "yes"
        session.get(f"{origin.http}/cookies/set/colour/green")
        assert session.get(f"{origin.http}/cookies").json() == {"cookies": {"colour": "green"}}
        assert session.get(f"{origin.http}/headers").json()["headers"]["X-Kept"] == "yes"


def test_an_error_status_is_an_error_when_asked(origin):
    response = requests.get(f"{origin.http}/status/404")
    assert not response.ok
    try:
        response.raise_for_status()
    except requests.HTTPError as error:
        assert str(error) == f"404 Client Error: NOT FOUND for url: {origin.http}/status/404"
        assert error.response is response and error.request is response.request
    else:
        raise AssertionError("no error")


def test_https_with_its_own_authority(origin):
    response = requests.get(f"{origin.https}/get", verify=origin.ca_file)
    assert response.json()["url"] == f"{origin.https}/get"
