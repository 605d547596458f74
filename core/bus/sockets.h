// The sockets of the fabric, each with the one set of options that was measured
// to be right for its role. A socket belongs to one thread for life.
#pragma once

#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "base/limits.h"
#include "base/result.h"

namespace skillscale {

// The context of a process: one I/O thread, two from four cores on.
zmq::context_t make_context();

// "tcp://host:port", "ipc://path" or "inproc://name". The Error (invalid_config)
// says what is wrong with `text` and what is allowed.
Result<void> check_endpoint(std::string_view text);

zmq::socket_t make_proxy_frontend(zmq::context_t& context);     // XSUB: what agents and servers publish.
zmq::socket_t make_proxy_backend(zmq::context_t& context);      // XPUB: what agents and servers receive.
zmq::socket_t make_server_subscriber(zmq::context_t& context);  // XSUB: joins, dispatches, upstream frames.
zmq::socket_t make_server_publisher(zmq::context_t& context);   // PUB: replies.
zmq::socket_t make_agent_publisher(zmq::context_t& context, bool several_proxies);  // XPUB: intents.
zmq::socket_t make_agent_subscriber(zmq::context_t& context);                       // SUB: replies.

// Error io_error with the address: taken, not permitted, no such interface.
// Returns the endpoint really bound (port 0 or * picks a free one).
Result<std::string> bind_socket(zmq::socket_t& socket, const std::string& endpoint);

// Error invalid_config when libzmq refuses the endpoint. Connecting itself happens later.
Result<void> connect_socket(zmq::socket_t& socket, const std::string& endpoint);

// Upstream subscription frames, for XSUB sockets.
void send_subscribe(zmq::socket_t& xsub, std::string_view prefix);
void send_unsubscribe(zmq::socket_t& xsub, std::string_view prefix);

// One multipart message, at most kMessageFramesMax frames of it: `excess` counts the others.
struct Frames {
  std::vector<zmq::message_t> parts;
  std::size_t excess = 0;

  std::string_view view(std::size_t index) const { return parts[index].to_string_view(); }
};

// Fills `frames` with the next message. False when there is none. Never blocks.
bool receive_frames(zmq::socket_t& socket, Frames& frames);

// True when the message was queued; false when the peer's queue is full or there is no peer to
// send to. The first frame is sent with DONTWAIT, so a message is queued whole or not at all.
bool send_frames(zmq::socket_t& socket, std::initializer_list<std::string_view> parts);

// Waits until a socket has a message, a descriptor is readable, or the time is
// up. Returns at once when signals interrupt.
class Poller {
 public:
  std::size_t add(zmq::socket_t& socket);
  std::size_t add(int fd);

  void wait(std::chrono::milliseconds timeout);  // Negative: no limit.
  bool readable(std::size_t index) const noexcept { return (items_[index].revents & ZMQ_POLLIN) != 0; }

 private:
  std::vector<zmq_pollitem_t> items_;
};

}  // namespace skillscale
