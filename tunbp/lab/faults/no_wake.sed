# (a) the reader never wakes the queue it has made room in
/^static void __tun_wake_queue(/,/^}/ s/netif_tx_wake_queue(txq);/;/
