"""The relay passes on whole messages of any sizes, and stops one without end."""

import socket
import struct
import threading

import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.kernel.relay import FrameCounter, Overflow, Relay

GREETING = bytes(64)


def frame(data: bytes, *, more: bool = False, command: bool = False) -> bytes:
    flags = more | (4 if command else 0)
    if len(data) < 256:
        return struct.pack(">BB", flags, len(data)) + data
    return struct.pack(">BQ", flags | 2, len(data)) + data


def message(parts: list[bytes]) -> bytes:
    return b"".join(frame(part, more=i < len(parts) - 1) for i, part in enumerate(parts))


messages = st.lists(
    st.lists(st.binary(max_size=600), min_size=1, max_size=7), min_size=1, max_size=5
)


@settings(max_examples=200)
@given(messages, st.data())
def test_whatever_the_pieces_a_stream_of_short_messages_passes(sent, data):
    stream = GREETING + b"".join(map(message, sent))
    counter = FrameCounter(most_parts=7, most_bytes=7 * 600)
    while stream:
        step = data.draw(st.integers(1, len(stream)))
        counter.feed(stream[:step])
        stream = stream[step:]


@pytest.mark.parametrize(
    "stream",
    [
        message([b""] * 8),
        message([b"x" * 100] * 7),
        frame(b"", more=True) * 1_000,
        struct.pack(">BQ", 2, 2**62),  # announced, and never sent
        frame(b"x" * 100_000, command=True),
        frame(b"PING", command=True) * 10_001,
    ],
)
def test_a_message_of_too_many_parts_or_bytes_is_seen_at_its_headers(stream):
    counter = FrameCounter(most_parts=7, most_bytes=500)
    with pytest.raises(Overflow):
        counter.feed(GREETING + stream)


@pytest.fixture
def relayed(tmp_path):
    """A relay between two paths, and an event that is set where it stops a message."""
    stopped = threading.Event()
    relay = Relay({str(tmp_path / "r"): str(tmp_path / "k")}, stopped.set)
    made = []
    with zmq.Context() as context:

        def socket_of(kind):
            made.append(context.socket(kind))
            made[-1].linger = 0
            return made[-1]

        yield relay, socket_of, f"ipc://{tmp_path}/r", tmp_path / "k", stopped
        for one in made:
            one.close()
    relay.close()


def test_messages_of_zmq_pass_in_both_directions(relayed):
    relay, socket_of, near, far, stopped = relayed
    server, client = socket_of(zmq.ROUTER), socket_of(zmq.DEALER)
    server.bind(f"ipc://{far}")
    relay.start()
    client.connect(near)
    for size in (0, 1, 300, 3_000_000):
        client.send_multipart([b"a" * size, b"b"])
        asked = server.recv_multipart()
        assert asked[1:] == [b"a" * size, b"b"]
        server.send_multipart([asked[0], *[b"c" * size] * 7])
        assert client.recv_multipart() == [b"c" * size] * 7
    assert not stopped.is_set()


def how_many_fit(output):
    for sent in range(1_000):
        try:
            output.send(bytes(1 << 20))
        except zmq.Again:
            return sent
    return 1_000


def test_a_client_that_reads_nothing_stops_the_sender_and_not_the_relay(relayed):
    relay, socket_of, near, far, stopped = relayed
    output, reader = socket_of(zmq.PUSH), socket_of(zmq.PULL)
    output.set(zmq.SNDHWM, 4)
    reader.set(zmq.RCVHWM, 4)
    output.bind(f"ipc://{far}")
    relay.start()
    reader.connect(near)
    output.set(zmq.SNDTIMEO, 500)
    sent = how_many_fit(output)
    assert sent < 50  # what lies in queues and buffers, of a thousand
    for _ in range(sent):
        assert len(reader.recv()) == 1 << 20
    assert not stopped.is_set()


@pytest.fixture
def ends(relayed):
    """The sockets of a client and of a kernel with the relay between them."""
    relay, _, near, far, _ = relayed
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(far))
        listener.listen()
        relay.start()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(near.removeprefix("ipc://"))
            kernel, _ = listener.accept()
            with kernel:
                yield client, kernel


def test_a_message_without_end_is_stopped(relayed, ends):
    client, kernel = ends
    kernel.sendall(GREETING + frame(b"", more=True) * 100)
    assert relayed[-1].wait(10)
    assert client.recv(1 << 16) == b""


def test_the_end_of_a_kernel_reaches_the_client_after_its_last_message(ends):
    client, kernel = ends
    words = GREETING + message([b"last"])
    kernel.sendall(words)
    kernel.close()
    got = b""
    while piece := client.recv(1 << 16):
        got += piece
    assert got == words
