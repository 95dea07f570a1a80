"""Modules of Python's standard library, for all versions."""

import sys

from stormdoor_audit.auditor.naming.words import words

__all__ = ["STDLIB"]

# What Python 2 called otherwise, and what Python 3 had until 3.13: the answer must not depend on the
# Python that reads.
_FORMER = words(
    """
    ConfigParser Cookie Queue StringIO cPickle httplib md5 sha thread urllib2 urlparse

    aifc asynchat asyncore audioop cgi cgitb chunk crypt distutils imghdr imp lib2to3 mailcap msilib nis
    nntplib ossaudiodev pipes smtpd sndhdr spwd sunau telnetlib uu xdrlib
    """
)

STDLIB = sys.stdlib_module_names | _FORMER
"""Modules of Python 3, and of Python 2."""
