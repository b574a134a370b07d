"""Recording: the encoded packets of consenting people, one Matroska file a track and stretch, never transcoded.

The node's process only copies packets into a pipe (`tap`, `recorder`); a process of its own orders them
(`jitter`), puts frames together (`frames`), writes files (`track`, `matroska`, `spool`) and hands them in
(`upload`). A slow or full disk therefore never holds the node's event loop. See rtc/PROTOCOL.md, 4.
"""
