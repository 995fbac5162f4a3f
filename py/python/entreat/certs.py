#!/usr/bin/env python
"""Where the default bundle of certificate authorities lies: `where()`, which is certifi's, else the operating system's.

Whoever packages this for an operating system may let it return another bundle.
"""

import os.path

try:
    from certifi import where
except ImportError:

    def where():
        """The operating system's store, as certifi is not installed; None where Python does not know it."""
        return system_store()


#: Where systems keep their authorities in one file, which is read faster than a directory.
_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora and its kin
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # the BSDs, macOS
)


def system_store():
    """The path of the operating system's store, a file or a directory, as SSL_CERT_FILE and SSL_CERT_DIR or OpenSSL name
    it; None where there is no such path, as on Windows."""
    import ssl

    paths = ssl.get_default_verify_paths()
    named = any(os.environ.get(name) for name in (paths.openssl_cafile_env, paths.openssl_capath_env))
    found = () if named else filter(os.path.exists, _FILES)
    return paths.cafile or next(iter(found), None) or paths.capath


if __name__ == "__main__":
    print(where())
