"""One line, many phones: what a delivery costs on one web process, beside others doing the same.

    make bench-realtime                     everything, about 15 minutes
    python -m bench.realtime --only ours,c,stock --rounds 1      a quick look

Every server runs alone on one core and the load client (``bench/wsload.c``) on another; the servers take
turns, round after round, and the tables show medians. Ours are full Centrifuge sessions: a signed token, the
personal channel, one queue subscription with recovery asked from a position two publications back. The
others send bare frames, save Centrifugo, which does what ours does. Nothing is asserted; a delivery that
was lost, repeated or out of order is said in the table.
"""
