# (e) the queue is stopped where no qdisc could keep the packets
/^static netdev_tx_t tun_net_xmit(/,/^}/ s/!qdisc_txq_has_no_queue(queue) &&//
