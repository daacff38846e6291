# (b) the queue is woken for every packet read, not for half a ring
/^static void __tun_wake_queue(/,/^}/ s/>= tfile->tx_ring\.size \/ 2/>= 1/
