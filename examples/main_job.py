"""The main job from Python: a GET and a POST with a form, in the words of every program written for requests.

usage: main_job.py GET_URL [POST_URL]

POST_URL answers as httpbin's /post does: with the form that it received, as JSON.
"""

import sys

import entreat as requests


def main(get_url, post_url=None):
    response = requests.get(get_url)
    print(f"GET {response.url}")
    print(response.status_code)
    print(response.text)
    response.raise_for_status()
    if post_url is None:
        return

    form = {"name": "John", "job": "developer"}
    response = requests.post(post_url, data=form)
    print(f"POST {response.url}")
    print(response.status_code)
    print(response.json())
    if response.json()["form"] != form:
        raise SystemExit(f"the form did not arrive: {response.json()['form']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
