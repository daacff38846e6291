# the queue is woken when an eighth of the ring is free, not half of it
/^static void __tun_wake_queue(/,/^}/ s/>= tfile->tx_ring\.size \/ 2/>= tfile->tx_ring.size \/ 8/
