// Tells when a connecting socket gains or loses its peer (zmq_socket_monitor(3)).
// For sockets with one endpoint.
#pragma once

#include <cstdint>
#include <zmq.hpp>

namespace skillscale {

// Owned by the thread that owns `watched`; destroy it before the socket.
class ConnectionWatch {
 public:
  enum class Event : std::uint8_t { none, connected, disconnected };

  ConnectionWatch(zmq::context_t& context, zmq::socket_t& watched);
  ~ConnectionWatch();
  ConnectionWatch(const ConnectionWatch&) = delete;
  ConnectionWatch& operator=(const ConnectionWatch&) = delete;

  zmq::socket_t& socket() noexcept { return events_; }  // For a Poller.
  // The next event; `none` when there is no more. `connected` means that the
  // ZMTP handshake is done. Never blocks.
  Event next();

 private:
  zmq::socket_t& watched_;
  zmq::socket_t events_;
  bool connected_ = false;
};

}  // namespace skillscale
