#include "bus/sockets.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <thread>

namespace skillscale {
namespace {

int to_int(std::chrono::milliseconds time) { return static_cast<int>(time.count()); }
int to_int(std::chrono::seconds time) { return static_cast<int>(time.count()); }

// For sockets that bind: a larger message cuts off its sender before it is read into memory.
void refuse_large_messages(zmq::socket_t& socket) {
  socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(limits::kReceivedBytesMax));
}

// For sockets that connect.
void keep_reconnecting(zmq::socket_t& socket) {
  socket.set(zmq::sockopt::reconnect_ivl, to_int(limits::kReconnectInterval));
  socket.set(zmq::sockopt::reconnect_ivl_max, to_int(limits::kReconnectIntervalMax));
}

void keep_alive(zmq::socket_t& socket, std::chrono::seconds idle, std::chrono::seconds interval) {
  socket.set(zmq::sockopt::tcp_keepalive, 1);
  socket.set(zmq::sockopt::tcp_keepalive_idle, to_int(idle));
  socket.set(zmq::sockopt::tcp_keepalive_intvl, to_int(interval));
  socket.set(zmq::sockopt::tcp_keepalive_cnt, limits::kKeepaliveProbesMax);
}

// For sockets that listen to a proxy. Heartbeats of their own would abort the
// process (libzmq 4.3.4 asserts on a connecting SUB with heartbeats
// and a finite queue), so a network that swallows everything is noticed by TCP:
// keepalive while nothing is under way, the retransmission limit otherwise.
void notice_dead_proxy(zmq::socket_t& socket) {
  keep_alive(socket, limits::kProxyKeepaliveIdle, limits::kProxyKeepaliveInterval);
  socket.set(zmq::sockopt::tcp_maxrt, to_int(limits::kProxyUnacknowledgedMax));
}

// Every join and leave is seen, and a full peer is reported to the sender instead of skipped.
void report_every_subscription(zmq::socket_t& xpub) {
  xpub.set(zmq::sockopt::xpub_verboser, 1);
  xpub.set(zmq::sockopt::xpub_nodrop, 1);
}

Error bad_endpoint(std::string_view text, std::string_view reason) {
  return {ErrorCode::invalid_config, "\"" + std::string(text) + "\" is not an endpoint: " + std::string(reason) +
                                         "; allowed are tcp://HOST:PORT, ipc://PATH and inproc://NAME"};
}

// A host or interface name, an IPv4 address, "*", or an IPv6 address in brackets.
bool is_host(std::string_view host) {
  if (host == "*") return true;
  if (host.empty() || host.size() > limits::kHostBytesMax) return false;
  const auto only = [](std::string_view text, std::string_view allowed) {
    return text.find_first_not_of(allowed) == std::string_view::npos;
  };
  if (host.front() == '[') {
    if (host.size() < 4 || host.back() != ']') return false;
    const std::string_view address = host.substr(1, host.size() - 2);
    const std::string_view digits = address.substr(0, address.find('%'));  // A zone may follow: fe80::1%eth0.
    return digits.find(':') != std::string_view::npos && only(digits, "0123456789abcdefABCDEF:.");
  }
  return host.front() != '-' && host.front() != '.' &&
         only(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");
}

bool is_port(std::string_view port) {
  if (port == "*") return true;
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  return error == std::errc() && end == port.data() + port.size();
}

Result<void> check_tcp(std::string_view text, std::string_view address) {
  const std::size_t colon = address.rfind(':');
  const std::size_t bracket = address.rfind(']');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) {
    return bad_endpoint(text, "the port is missing");
  }
  const std::string_view port = address.substr(colon + 1);
  if (!is_port(port)) return bad_endpoint(text, "port \"" + std::string(port) + "\" is not a number from 0 to 65535");
  const std::string_view host = address.substr(0, colon);
  if (is_host(host)) return {};
  if (host.empty()) return bad_endpoint(text, "the host is missing (* stands for every interface)");
  if (host.find(':') != std::string_view::npos && host.front() != '[') {
    return bad_endpoint(text, "an IPv6 address stands in brackets, as in tcp://[::1]:5555");
  }
  return bad_endpoint(text, "\"" + std::string(host) + "\" is not a host name or address");
}

Result<void> check_ipc(std::string_view text, std::string_view path) {
  if (path.empty()) return bad_endpoint(text, "the path is missing");
  if (path.find('\0') != std::string_view::npos) return bad_endpoint(text, "the path holds a zero byte");
  if (path.size() <= limits::kIpcPathBytesMax) return {};
  return bad_endpoint(text, "the path has " + std::to_string(path.size()) + " bytes, a unix socket takes at most " +
                                std::to_string(limits::kIpcPathBytesMax));
}

// libzmq looks up IPv6 only where it is asked to, and then no longer finds
// IPv4 listeners behind names such as localhost: so only for literal addresses.
void allow_ipv6_literal(zmq::socket_t& socket, std::string_view endpoint) {
  if (endpoint.starts_with("tcp://[")) socket.set(zmq::sockopt::ipv6, 1);
}

void send_prefixed(zmq::socket_t& xsub, char command, std::string_view prefix) {
  zmq::message_t frame(prefix.size() + 1);
  *frame.data<char>() = command;
  std::ranges::copy(prefix, frame.data<char>() + 1);
  xsub.send(frame, zmq::send_flags::none);
}

// Receives one frame; false when there is none. cppzmq would throw on EINTR.
bool receive_frame(zmq::socket_t& socket, zmq::message_t& frame) {
  while (zmq_msg_recv(frame.handle(), socket.handle(), ZMQ_DONTWAIT) < 0) {
    if (errno == EAGAIN) return false;
    if (errno != EINTR) throw zmq::error_t();
  }
  return true;
}

}  // namespace

zmq::context_t make_context() {
  const int io_threads = std::thread::hardware_concurrency() >= limits::kCoresForTwoIoThreads ? 2 : 1;
  return zmq::context_t(io_threads, limits::kSocketsMax);
}

Result<void> check_endpoint(std::string_view text) {
  constexpr std::string_view kTcp = "tcp://";
  constexpr std::string_view kIpc = "ipc://";
  constexpr std::string_view kInproc = "inproc://";
  if (text.starts_with(kTcp)) return check_tcp(text, text.substr(kTcp.size()));
  if (text.starts_with(kIpc)) return check_ipc(text, text.substr(kIpc.size()));
  if (text.starts_with(kInproc)) {
    if (text.size() > kInproc.size()) return {};
    return bad_endpoint(text, "the name is missing");
  }
  return bad_endpoint(text, "the transport is missing or unknown");
}

zmq::socket_t make_proxy_frontend(zmq::context_t& context) {
  zmq::socket_t socket(context, zmq::socket_type::xsub);
  socket.set(zmq::sockopt::rcvhwm, limits::kSocketHighWaterMark);
  socket.set(zmq::sockopt::linger, 0);
  refuse_large_messages(socket);
  keep_alive(socket, limits::kPublisherKeepaliveIdle, limits::kPublisherKeepaliveInterval);
  return socket;
}

zmq::socket_t make_proxy_backend(zmq::context_t& context) {
  zmq::socket_t socket(context, zmq::socket_type::xpub);
  report_every_subscription(socket);
  refuse_large_messages(socket);
  socket.set(zmq::sockopt::sndhwm, limits::kSocketHighWaterMark);
  socket.set(zmq::sockopt::rcvhwm, 0);  // A lost subscription frame would be a lost member.
  socket.set(zmq::sockopt::heartbeat_ivl, to_int(limits::kHeartbeatInterval));
  socket.set(zmq::sockopt::heartbeat_timeout, to_int(limits::kHeartbeatTimeout));
  socket.set(zmq::sockopt::linger, to_int(limits::kProxyLinger));
  return socket;
}

zmq::socket_t make_server_subscriber(zmq::context_t& context) {
  zmq::socket_t socket(context, zmq::socket_type::xsub);
  socket.set(zmq::sockopt::rcvhwm, 0);  // Credits bound what is under way.
  socket.set(zmq::sockopt::linger, to_int(limits::kServerLinger));
  keep_reconnecting(socket);
  notice_dead_proxy(socket);
  return socket;
}

zmq::socket_t make_server_publisher(zmq::context_t& context) {
  zmq::socket_t socket(context, zmq::socket_type::pub);
  socket.set(zmq::sockopt::sndhwm, limits::kSocketHighWaterMark);
  socket.set(zmq::sockopt::immediate, 0);
  socket.set(zmq::sockopt::linger, to_int(limits::kServerLinger));
  keep_reconnecting(socket);
  return socket;
}

zmq::socket_t make_agent_publisher(zmq::context_t& context, bool several_proxies) {
  zmq::socket_t socket(context, zmq::socket_type::xpub);
  report_every_subscription(socket);
  socket.set(zmq::sockopt::sndhwm, limits::kSocketHighWaterMark);
  socket.set(zmq::sockopt::sndtimeo, to_int(limits::kAgentSendTimeout));
  socket.set(zmq::sockopt::immediate, several_proxies ? 1 : 0);
  socket.set(zmq::sockopt::linger, to_int(limits::kAgentLinger));
  keep_reconnecting(socket);
  return socket;
}

zmq::socket_t make_agent_subscriber(zmq::context_t& context) {
  zmq::socket_t socket(context, zmq::socket_type::sub);
  socket.set(zmq::sockopt::rcvhwm, limits::kSocketHighWaterMark);
  socket.set(zmq::sockopt::linger, 0);
  keep_reconnecting(socket);
  notice_dead_proxy(socket);
  return socket;
}

Result<std::string> bind_socket(zmq::socket_t& socket, const std::string& endpoint) try {
  allow_ipv6_literal(socket, endpoint);
  socket.bind(endpoint);
  return socket.get(zmq::sockopt::last_endpoint);
} catch (const zmq::error_t& error) {
  return Error{ErrorCode::io_error, "cannot bind " + endpoint + ": " + error.what()};
}

Result<void> connect_socket(zmq::socket_t& socket, const std::string& endpoint) try {
  allow_ipv6_literal(socket, endpoint);
  socket.connect(endpoint);
  return {};
} catch (const zmq::error_t& error) {
  return Error{ErrorCode::invalid_config, "cannot connect to " + endpoint + ": " + error.what()};
}

void send_subscribe(zmq::socket_t& xsub, std::string_view prefix) { send_prefixed(xsub, '\x01', prefix); }

void send_unsubscribe(zmq::socket_t& xsub, std::string_view prefix) { send_prefixed(xsub, '\x00', prefix); }

bool receive_frames(zmq::socket_t& socket, Frames& frames) {
  frames.parts.clear();  // Keeps its memory: after the first message nothing is allocated.
  frames.excess = 0;
  frames.parts.reserve(limits::kMessageFramesMax);
  if (!receive_frame(socket, frames.parts.emplace_back())) {
    frames.parts.clear();
    return false;
  }
  bool more = frames.parts.back().more();
  while (more) {
    zmq::message_t dropped;
    const bool wanted = frames.parts.size() < limits::kMessageFramesMax;
    zmq::message_t& frame = wanted ? frames.parts.emplace_back() : dropped;
    SK_CHECK(receive_frame(socket, frame));  // libzmq delivers messages whole.
    if (!wanted) ++frames.excess;
    more = frame.more();
  }
  return true;
}

bool send_frames(zmq::socket_t& socket, std::initializer_list<std::string_view> parts) {
  std::size_t left = parts.size();
  for (const std::string_view part : parts) {
    const bool first = left == parts.size();
    --left;
    const auto more = left > 0 ? zmq::send_flags::sndmore : zmq::send_flags::none;
    // Only the first frame can find the queue full: libzmq counts whole messages.
    const auto wait = first ? zmq::send_flags::dontwait : zmq::send_flags::none;
    zmq::message_t frame(part.data(), part.size());
    if (!socket.send(frame, more | wait)) return false;
  }
  return true;
}

std::size_t Poller::add(zmq::socket_t& socket) {
  items_.push_back({socket.handle(), 0, ZMQ_POLLIN, 0});
  return items_.size() - 1;
}

std::size_t Poller::add(int fd) {
  items_.push_back({nullptr, fd, ZMQ_POLLIN, 0});
  return items_.size() - 1;
}

void Poller::wait(std::chrono::milliseconds timeout) {
  const long milliseconds = timeout.count() < 0 ? -1 : static_cast<long>(timeout.count());
  if (zmq_poll(items_.data(), static_cast<int>(items_.size()), milliseconds) >= 0) return;
  if (errno != EINTR) throw zmq::error_t();
  for (zmq_pollitem_t& item : items_) item.revents = 0;
}

}  // namespace skillscale
