"""One mailbox over IMAP: where it is, what lies in it, who a mail is from. Changes nothing unless told, believes nothing unproved.

The source ``aliexpress_mail`` reads it, and the channel ``email`` its replies and what it has sent.
"""
