# the queue is woken when the ring is empty, not half free
/^static void __tun_wake_queue(/,/^}/ s/>= tfile->tx_ring\.size \/ 2/> tfile->tx_ring.size/
