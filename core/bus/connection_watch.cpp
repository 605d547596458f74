#include "bus/connection_watch.h"

#include <cerrno>
#include <cstring>
#include <string>

#include "base/random_id.h"

namespace skillscale {
namespace {

constexpr int kEvents = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED;

// False when there is no frame. cppzmq would throw on EINTR.
bool receive(zmq::socket_t& socket, zmq::message_t& frame) {
  while (zmq_msg_recv(frame.handle(), socket.handle(), ZMQ_DONTWAIT) < 0) {
    if (errno == EAGAIN) return false;
    if (errno != EINTR) throw zmq::error_t();
  }
  return true;
}

}  // namespace

ConnectionWatch::ConnectionWatch(zmq::context_t& context, zmq::socket_t& watched)
    : watched_(watched), events_(context, zmq::socket_type::pair) {
  const std::string address = "inproc://connection-watch-" + random_id();
  if (zmq_socket_monitor(watched_.handle(), address.c_str(), kEvents) != 0) throw zmq::error_t();
  // libzmq's I/O thread writes the events and must never wait for us.
  events_.set(zmq::sockopt::rcvhwm, 0);
  events_.set(zmq::sockopt::linger, 0);
  events_.connect(address);
}

ConnectionWatch::~ConnectionWatch() { zmq_socket_monitor(watched_.handle(), nullptr, 0); }

ConnectionWatch::Event ConnectionWatch::next() {
  zmq::message_t head;  // A 16-bit event and a 32-bit value; the address follows in a second frame.
  while (receive(events_, head)) {
    const bool complete = head.size() >= sizeof(std::uint16_t);
    std::uint16_t event = 0;
    if (complete) std::memcpy(&event, head.data(), sizeof event);
    for (bool more = head.more(); more;) {
      zmq::message_t rest;
      more = receive(events_, rest) && rest.more();
    }
    // A connection that breaks during its handshake was never there.
    const bool connected = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
    if (connected == connected_ || !complete) continue;
    connected_ = connected;
    return connected ? Event::connected : Event::disconnected;
  }
  return Event::none;
}

}  // namespace skillscale
