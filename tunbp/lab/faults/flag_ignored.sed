# (d) the flag is accepted and echoed, and nothing looks at it
/^static netdev_tx_t tun_net_xmit(/,/^}/ s/(tun->flags & IFF_BACKPRESSURE)/(0)/
/^static void __tun_wake_queue(/,/^}/ s/(tun->flags & IFF_BACKPRESSURE)/(0)/
