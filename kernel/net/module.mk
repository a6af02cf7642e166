# SPDX-License-Identifier: MPL-2.0
name := net
sources := socket.c socket_call.c socket_message.c socket_option.c net_setting.c control_parse.c control.c parcel.c packet.c \
    stream_end.c stream_send.c stream_receive.c stream_landing.c stream_urgent.c \
    inet.c inet_address.c inet_port.c inet_option.c inet_proc.c inet_snmp.c tcp.c tcp_connect.c tcp_info.c interface.c \
    datagram.c datagram_control.c datagram_error.c udp.c ping.c raw.c raw_send.c wire.c icmp.c multicast.c \
    netlink.c netlink_message.c netlink_route.c netlink_diag.c netlink_filter.c netlink_unix.c \
    unix.c unix_name.c unix_connect.c unix_stream.c unix_datagram.c unix_gc.c unix_proc.c
deps := abi lib arch sched mm object vfs
tests := control unix_socket
