"""The worker's side of the protocol, against a fake reeve."""
import os
import signal
import socket
import struct
import unittest

from support import TestCase, drain, header, reopen, welcome

from reeve import Drain, Gone, Reopen, Worker, _protocol


def _end(worker, failed=False):
    worker.requests.end(worker.requests.begin(lambda source: ('GET', source), '/x'), failed)


class Descriptors(TestCase):
    """What the environment names is checked first."""

    def test_nothing_without_reeve(self):
        """A program that runs on its own would be disturbed."""
        worker = Worker({})
        self.assertTrue(worker.alone)
        worker.hello()
        worker.ready()
        _end(worker)
        self.assertEqual(worker.control(), [])
        self.assertFalse(worker.receive(0))

    def test_other_descriptors_are_left_alone(self):
        """A variable left over in a grandchild would send packets into somebody's file."""
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        self.addCleanup(os.close, write)
        stream = self.listener()
        for number in (read, write, stream.fileno(), 999, ):
            worker = Worker({'REEVE_HEARTBEAT_FD': str(number), 'REEVE_CONTROL_FD': str(number)})
            self.assertTrue(worker.alone, number)
        self.assertGreaterEqual(stream.fileno(), 0)
        for text in ('', '-1', '1e3', 'x', '9' * 30, '٣'):
            self.assertTrue(Worker({'REEVE_HEARTBEAT_FD': text}).alone, text)

    def test_closed_by_exec(self):
        """A child of the worker would hold the pipe and the channel open."""
        reeve = self.fake()
        os.set_inheritable(reeve.beat_end, True)
        os.set_inheritable(reeve.control_end, True)
        self.worker(reeve)
        self.assertFalse(os.get_inheritable(reeve.beat_end))
        self.assertFalse(os.get_inheritable(reeve.control_end))

    def test_sockets_for_another_process(self):
        """Sockets that were meant for a parent would be taken by its child."""
        worker = Worker({'LISTEN_FDS': '1', 'LISTEN_PID': str(os.getppid())})
        self.assertEqual(worker.sockets, [])


class Beats(TestCase):
    """The heartbeat pipe."""

    def test_counts(self):
        """reeve would see other numbers than there are."""
        reeve = self.fake()
        worker = self.worker(reeve)
        running = worker.requests.begin(lambda source: ('GET', source), '/')
        _end(worker)
        _end(worker, failed=True)
        worker.requests.connections += 5
        worker.beat()
        beat, = reeve.read_beats()
        self.assertEqual((beat.process, beat.sequence, beat.state), (os.getpid(), 1, 1))
        self.assertEqual((beat.requests, beat.errors, beat.in_flight, beat.connections),
                         (2, 1, 1, 5))
        self.assertEqual(sum(beat.latency_counts), 2)
        self.assertTrue(0 < beat.oldest_ns <= beat.sent_ns)
        worker.requests.end(running, False)
        worker.beat()
        after, = reeve.read_beats()
        self.assertEqual((after.in_flight, after.oldest_ns, after.requests), (0, 0, 3))
        self.assertEqual(after.image, beat.image)

    def test_full_pipe(self):
        """A reeve that does not read would stop the worker."""
        reeve = self.fake()
        worker = self.worker(reeve)
        for _ in range(200):
            worker.beat()
        self.assertLess(len(reeve.read_beats()), 200)
        worker.beat()
        self.assertEqual(reeve.read_beats()[0].sequence, 201)

    def test_no_sigpipe(self):
        """A worker that outlives reeve would die of its next beat."""
        reeve = self.fake()
        worker = self.worker(reeve)
        before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        self.addCleanup(signal.signal, signal.SIGPIPE, before)
        reeve.end()
        worker.beat()
        self.assertNotIn(signal.SIGPIPE, signal.sigpending())

    def test_turn(self):
        """A program with a loop of its own would flood the pipe, or be silent."""
        reeve = self.fake(REEVE_BEAT_INTERVAL='600000')
        worker = self.worker(reeve)
        self.assertEqual([worker.turn() for _ in range(3)], [True, False, False])
        self.assertEqual(len(reeve.read_beats()), 1)

    def test_quota(self):
        """A worker would go on long after its last request was due."""
        reeve = self.fake(REEVE_QUOTA='3')
        worker = self.worker(reeve)
        _end(worker)
        _end(worker)
        self.assertEqual(reeve.read_beats(), [])
        _end(worker)
        self.assertEqual(reeve.read_beats()[0].requests, 3)

    def test_fork(self):
        """A child would be taken for its parent, with all its requests."""
        reeve = self.fake()
        worker = self.worker(reeve)
        held = worker.requests.begin(lambda source: ('GET', source), '/')
        _end(worker)
        worker.beat()
        first, = reeve.read_beats()
        child = os.fork()
        if child == 0:
            worker.requests.end(held, False)
            worker.ready()
            os._exit(0 if worker.control_fd == -1 else 1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        beat, = reeve.read_beats()
        self.assertEqual((beat.process, beat.sequence, beat.requests, beat.in_flight),
                         (child, 1, 0, 0))
        self.assertNotEqual(beat.image, first.image)
        self.assertTrue(reeve.no_message())


class Control(TestCase):
    """The control channel."""

    def test_hello_and_ready(self):
        """reeve would wait for the word of a worker that gave it."""
        reeve = self.fake()
        worker = self.worker(reeve, drains=True)
        worker.hello()
        worker.ready()
        kind, data = reeve.message()
        self.assertEqual((kind, struct.unpack('<II', data[12:])), (1, (os.getpid(), 5)))
        self.assertEqual(reeve.message()[0], _protocol.READY)
        self.assertEqual(reeve.read_beats()[0].state, _protocol.SERVING)
        self.assertTrue(reeve.no_message())

    def test_receive(self):
        """A worker would serve on no socket, or on something that is none."""
        reeve = self.fake()
        worker = self.worker(reeve)
        mine, other = socket.socketpair()
        self.addCleanup(mine.close)
        self.addCleanup(other.close)
        listener = self.listener()
        reeve.send(welcome(['web', 'pair'], interval=250, quota=9), [listener, mine])
        self.assertTrue(worker.receive(10))
        (name, sock), = worker.sockets
        self.assertEqual((name, sock.getsockname()), ('web', listener.getsockname()))
        self.assertFalse(os.get_inheritable(sock.fileno()))
        self.assertEqual((worker.interval, worker.requests.quota), (0.25, 9))
        sock.close()

    def test_receive_ends(self):
        """A worker would wait for ever for sockets that do not come."""
        reeve = self.fake()
        worker = self.worker(reeve)
        self.assertFalse(worker.receive(0))
        reeve.send(drain(1000))
        self.assertFalse(worker.receive(10))
        self.assertEqual(worker.control(), [Drain(1.0)])

    def test_what_is_no_message(self):
        """Garbage, or a message of a later version, would end the worker."""
        reeve = self.fake()
        worker = self.worker(reeve)
        before = len(os.listdir('/proc/self/fd'))
        listener = self.listener()
        for message in (b'x', header(99, 12), header(_protocol.DRAIN, 12), header(2, 12),
                        header(_protocol.DRAIN, 17) + b'1234', welcome(['a', 'b'])):
            reeve.send(message, [listener])
        self.assertEqual(worker.control(), [])
        self.assertEqual(worker.sockets, [])
        self.assertEqual(len(os.listdir('/proc/self/fd')), before + 1)  # the listener

    def test_events(self):
        """A drain, a rotation of log files or the end of reeve would be missed."""
        reeve = self.fake()
        worker = self.worker(reeve)
        reeve.send(reopen())
        reeve.send(drain(2500))
        self.assertEqual(worker.control(), [Reopen(), Drain(2.5)])
        reeve.end()
        self.assertEqual(worker.control(), [Gone(False)])
        self.assertEqual((worker.control(), worker.control_fd), ([], -1))
        worker.ready()

    def test_told_to_keep(self):
        """Workers that shall outlive reeve would leave with it."""
        reeve = self.fake()
        worker = self.worker(reeve)
        reeve.send(welcome(flags=1))
        reeve.end()
        self.assertEqual(worker.control(), [Gone(True)])

    def test_slow_requests(self):
        """A slow request would be told twice, never, or without its path."""
        reeve = self.fake(REEVE_SLOW_REQUEST='1')
        worker = self.worker(reeve)
        running = worker.requests.begin(lambda source: ('PUT', source), '/a?b=1')
        while reeve.no_message():
            worker.requests.look_for_slow()
        kind, data = reeve.message()
        process, duration, size, _reserved = struct.unpack('<IQII', data[12:32])
        self.assertEqual((kind, process, size), (_protocol.SLOW, os.getpid(), 10))
        self.assertEqual(data[32:], b'PUT /a?b=1')
        self.assertGreaterEqual(duration, 1000000)
        worker.beat()
        self.assertGreater(reeve.read_beats()[0].oldest_ns, 0)
        worker.requests.look_for_slow()
        worker.requests.end(running, False)
        self.assertTrue(reeve.no_message())
        for _ in range(100):
            key = worker.requests.begin(lambda source: ('GET', source), 'x' * 3000)
            worker.requests.slow_ns = 1
            worker.requests.end(key, False)
        count = 0
        while not reeve.no_message():
            count += 1
            self.assertEqual(len(reeve.message()[1]), 32 + 1024)
        self.assertTrue(1 <= count <= 40, count)


if __name__ == '__main__':
    unittest.main()
