"""One CUBIC flow through a drop-tail queue with ns-3 (`pip install ns3`, an optimized build). Prints JSON.

The queue stands for the ring, the link's rate for the reader, its delay for half of the round trip. The first call of
each ns-3 function is compiled by cling, so two lengths are run and their difference counts.
"""

import json
import sys
import time

from ns import ns

HEADERS = 20 + 20 + 12 + 2  # IP, TCP, timestamps, PPP


def start(drain: float, ring: int, rtt: float, window: int, mss: int) -> tuple[object, float]:
    """Set up the two hosts; the sink that counts, and the link's rate in bit/s."""
    rate = drain * (mss + HEADERS) * 8
    for name, value in {
        "ns3::TcpL4Protocol::SocketType": ns.StringValue("ns3::TcpCubic"),
        "ns3::TcpSocket::SegmentSize": ns.UintegerValue(mss),
        "ns3::TcpSocket::SndBufSize": ns.UintegerValue(4 * window),
        "ns3::TcpSocket::RcvBufSize": ns.UintegerValue(window),
        "ns3::TcpSocket::InitialCwnd": ns.UintegerValue(10),
    }.items():
        ns.Config.SetDefault(name, value)
    nodes = ns.NodeContainer()
    nodes.Create(2)
    link = ns.PointToPointHelper()
    link.SetDeviceAttribute("DataRate", ns.StringValue(f"{rate:.0f}bps"))
    link.SetChannelAttribute("Delay", ns.StringValue(f"{rtt / 2 * 1e9:.0f}ns"))
    link.SetQueue("ns3::DropTailQueue<Packet>", "MaxSize", ns.StringValue(f"{ring}p"))
    devices = link.Install(nodes)
    ns.InternetStackHelper().Install(nodes)
    addresses = ns.Ipv4AddressHelper()
    addresses.SetBase(ns.Ipv4Address("10.0.0.0"), ns.Ipv4Mask("255.255.255.0"))
    interfaces = addresses.Assign(devices)
    ns.TrafficControlHelper().Uninstall(devices)
    anywhere = ns.InetSocketAddress(ns.Ipv4Address.GetAny(), 5201).ConvertTo()
    sinks = ns.PacketSinkHelper("ns3::TcpSocketFactory", anywhere).Install(nodes.Get(1))
    there = ns.InetSocketAddress(interfaces.GetAddress(1), 5201).ConvertTo()
    sender = ns.BulkSendHelper("ns3::TcpSocketFactory", there)
    sender.SetAttribute("MaxBytes", ns.UintegerValue(0))
    for application in (sinks, sender.Install(nodes.Get(0))):
        application.Start(ns.Seconds(0))
    return sinks.Get(0), rate


def advance(seconds: float) -> float:
    """Processor time of the simulation going on for some seconds."""
    ns.Simulator.Stop(ns.Seconds(seconds))
    begin = time.process_time()
    ns.Simulator.Run()
    return time.process_time() - begin


if __name__ == "__main__":
    drain, ring, rtt, window, mss, seconds = (float(word) for word in sys.argv[1:7])
    sink, rate = start(drain, int(ring), rtt, int(window), int(mss))
    advance(seconds)  # compiles, and leaves slow start behind
    before = sink.GetTotalRx()
    spent = advance(seconds)
    print(json.dumps({"processor": spent, "received_rate": (sink.GetTotalRx() - before) * 8 / seconds, "rate": rate}))
