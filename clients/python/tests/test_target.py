"""Where connect() goes: arguments, environment, defaults, and sockets that cannot be used."""

import os
import socket
import tempfile

import pytest

from pannier import Target, connect, errors, find_target


def test_an_argument_is_stronger_than_the_environment():
    assert find_target("/a.sock", {"PANNIER_SOCKET": "/b.sock"}) == Target(socket="/a.sock")


def test_the_socket_variable_is_stronger_than_host_and_port():
    environment = {"PANNIER_SOCKET": "/b.sock", "CHROMA_HOST": "h"}
    assert find_target(environment=environment) == Target(socket="/b.sock")


def test_host_port_and_ssl_come_from_the_environment():
    environment = {"CHROMA_HOST": "h", "CHROMA_PORT": "99", "CHROMA_SSL": "true"}
    target = find_target(environment=environment)
    assert target == Target(host="h", port=99, ssl=True)
    assert str(target) == "https://h:99"


def test_without_anything_it_is_the_default_socket():
    assert find_target(environment={}) == Target(socket="/run/pannier/pannier.sock")


@pytest.mark.parametrize("environment", [
    {"CHROMA_HOST": "h", "CHROMA_PORT": "x"}, {"CHROMA_HOST": "h", "CHROMA_PORT": "70000"},
    {"CHROMA_HOST": "h", "CHROMA_SSL": "maybe"}])
def test_values_without_meaning_are_refused(environment):
    with pytest.raises(errors.ConfigurationError):
        find_target(environment=environment)


def test_an_absent_socket_is_named_with_a_remedy(tmp_path):
    with pytest.raises(errors.SocketMissingError) as caught:
        connect(tmp_path / "none.sock")
    assert str(tmp_path / "none.sock") in caught.value.what
    assert "pannierd" in caught.value.hint
    assert isinstance(caught.value, ConnectionError)


def test_a_file_is_no_socket(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.SocketMissingError, match="not a socket"):
        connect(str(tmp_path / "file"))


def test_a_socket_left_behind_is_said_so(tmp_path):
    path = str(tmp_path / "old.sock")
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(path)
    with pytest.raises(errors.SocketRefusedError, match="nobody listens"):
        connect(path)


def test_a_path_too_long_for_a_socket_is_refused(tmp_path):
    with pytest.raises(errors.ConfigurationError, match="longer than"):
        connect(str(tmp_path / ("x" * 120)))


def test_a_server_that_never_answers_meets_the_timeout(tmp_path):
    path = str(tmp_path / "mute.sock")
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(path)
        mute.listen()
        with pytest.raises(errors.TimeoutError):
            connect(path, timeout=0.2)


def test_a_forbidden_socket_is_said_so():
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as shut:
        os.chmod(folder, 0o755)
        path = os.path.join(folder, "shut.sock")
        shut.bind(path)
        shut.listen()
        os.chmod(path, 0)
        child = os.fork()
        if child == 0:  # root may open every socket, so it is nobody who tries
            code = 1
            try:
                if os.getuid() == 0:
                    os.setuid(65534)
                connect(path)
            except errors.SocketForbiddenError:
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
