"""The lines of the access log."""
import json
import os
import tempfile
import unittest

from support import TestCase

from reeve.access_log import AccessLog, Combined, Entry, Json, from_environment

ENTRY = Entry(971211336.25, '10.0.0.1', 'GET', '/a?b=1', 'HTTP/1.1', 200, 12, 0.0125, 'http://r/',
              'curl/8')


class Lines(TestCase):
    """What is in them."""

    def test_combined(self):
        """A log analyser would not understand a line."""
        self.assertEqual(
            Combined().line(ENTRY, 100),
            '10.0.0.1 - - [10/Oct/2000:20:55:36 +0000] "GET /a?b=1 HTTP/1.1" 200 12 "http://r/" '
            '"curl/8"\n')

    def test_missing(self):
        """A missing header would shift the columns."""
        entry = ENTRY._replace(remote='', size=0, referer='', user_agent='')
        self.assertEqual(Combined().line(entry, 100).split(' - - ')[0], '-')
        self.assertTrue(Combined().line(entry, 100).endswith('200 0 "-" "-"\n'))

    def test_escapes(self):
        """A client could write lines of its own into the log."""
        entry = ENTRY._replace(user_agent='a"b\\c\n\x1b\xff\u20ac')
        self.assertTrue(Combined().line(entry, 100).endswith(
            r'"a\"b\\c\x0a\x1b\xff\xe2\x82\xac"' + '\n'))
        self.assertEqual(json.loads(Json('web', 1).line(entry, 100))['user_agent'],
                         entry.user_agent)

    def test_json(self):
        """A log collector would miss a field."""
        line = Json('web', 3).line(ENTRY._replace(referer=''), 100)
        self.assertEqual(json.loads(line), {
            'time': '2000-10-10T20:55:36.250Z', 'remote': '10.0.0.1', 'method': 'GET',
            'target': '/a?b=1', 'protocol': 'HTTP/1.1', 'status': 200, 'bytes': 12,
            'seconds': 0.0125, 'referer': None, 'user_agent': 'curl/8', 'pid': os.getpid(),
            'pool': 'web', 'slot': 3})
        self.assertEqual(line.count('\n'), 1)


class Files(TestCase):
    """Where they go."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, 'access.log')

    def _lines(self, path=None):
        with open(path or self.path, encoding='ascii') as file:
            return file.readlines()

    def test_long_lines(self):
        """Lines of several workers would mix in one file."""
        for form in (Combined(), Json('web', 0)):
            log = AccessLog(self.path, form)
            for char in 'x"\x01\u20ac':
                log.write(ENTRY._replace(target=char * 9000, user_agent=char * 9000,
                                         referer=char * 9000, method=char * 99, protocol=char * 99))
            lines = self._lines()
            self.assertEqual(len(lines), 4)
            for line in lines:
                self.assertLessEqual(len(line), 4096)
                self.assertGreater(len(line), 1000)
            os.unlink(self.path)

    def test_reopen(self):
        """A rotated file would be written to for ever."""
        log = AccessLog(self.path, Combined())
        log.write(ENTRY)
        os.rename(self.path, self.path + '.1')
        log.write(ENTRY)
        log.reopen()
        log.write(ENTRY)
        self.assertEqual((len(self._lines(self.path + '.1')), len(self._lines())), (2, 1))

    def test_never_in_the_way(self):
        """A log that cannot be written would fail requests."""
        log = AccessLog('/dev/full', Combined())
        log.write(ENTRY)
        self.assertEqual(log.lost, 1)
        AccessLog('/nowhere/access.log', Combined()).write(ENTRY)

    def test_environment(self):
        """The pool's choice of a log would not be followed."""
        self.assertIsNone(from_environment({}))
        self.assertIsNone(from_environment({'REEVE_ACCESS_LOG': 'relative'}))
        log = from_environment({'REEVE_ACCESS_LOG': self.path, 'REEVE_ACCESS_LOG_FORMAT': 'json',
                                'REEVE_POOL': 'p', 'REEVE_SLOT': '2'})
        log.write(ENTRY)
        self.assertEqual(json.loads(self._lines()[0])['slot'], 2)


if __name__ == '__main__':
    unittest.main()
