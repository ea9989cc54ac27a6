// SimGrid's interface for messages between hosts without processes exists in C++ only; this file is
// all of it that the replay needs. Messages that the simulator's own thread starts tell their end
// by the signal of completed activities, which is what makes a million of them possible.
#include "wire.h"

#include <cstdio>
#include <cstring>
#include <exception>
#include <map>
#include <string>
#include <vector>

#include <simgrid/kernel/Timer.hpp>
#include <simgrid/s4u.hpp>

namespace s4u = simgrid::s4u;

namespace {

struct flight {
  s4u::CommPtr comm;
  void *message;
};

struct network {
  s4u::Engine *engine = nullptr;
  std::vector<s4u::Host *> host;
  std::vector<flight *> landed; // to be freed outside SimGrid's signal
  std::map<double, std::vector<void *>> due;
  wire_calls calls = {};
  bool settling = false;
};

network wires;

// Everything of one moment is told before the replay goes on, so that it looks once.
void settle_soon() {
  if (wires.settling) return;
  wires.settling = true;
  simgrid::kernel::timer::Timer::set(s4u::Engine::get_clock(), [] {
    wires.settling = false;
    for (flight *f : wires.landed) delete f;
    wires.landed.clear();
    wires.calls.settled(wires.calls.argument);
  });
}

void land(const s4u::Activity &activity) {
  auto *f = static_cast<const s4u::Comm &>(activity).get_data<flight>();
  wires.calls.arrived(f->message);
  wires.landed.push_back(f);
  settle_soon();
}

void come_due(double date) {
  auto messages = std::move(wires.due[date]);
  wires.due.erase(date);
  for (void *message : messages)
    if (message) wires.calls.arrived(message);
  settle_soon();
}

void set_model(const char *model) {
  const bool plain = std::strcmp(model, "plain") == 0;
  s4u::Engine::set_config(std::string("network/model:") + (plain ? "CM02" : model));
  s4u::Engine::set_config("network/crosstraffic:no");
  // Everything is divided anew at every change. The default, "Lazy", which looks only at links that
  // it takes for touched, gives more than a link's bandwidth in SimGrid 3.32: five of six hosts
  // sending to each of three.
  s4u::Engine::set_config("network/optim:Full");
  if (plain) s4u::Engine::set_config("network/TCP-gamma:0");
}

} // namespace

bool wire_open(const char *platform, const char *model, int hosts) {
  static char name[] = "sim_cluster", quiet[] = "--log=root.thresh:warning";
  static char *arguments[] = {name, quiet, nullptr};
  static int count = 2;
  try {
    wires.engine = new s4u::Engine(&count, arguments);
    set_model(model);
    wires.engine->load_platform(platform);
    for (int h = 0; h < hosts; h++)
      wires.host.push_back(wires.engine->host_by_name("h" + std::to_string(h)));
  } catch (const std::exception &e) {
    std::fprintf(stderr, "sim_cluster: SimGrid refuses the platform: %s\n", e.what());
    return false;
  }
  s4u::Activity::on_completion_cb(land);
  return true;
}

void wire_send(int from, int to, double bytes, void *message) {
  auto *f = new flight{s4u::Comm::sendto_init(wires.host[from], wires.host[to]), message};
  f->comm->set_payload_size(static_cast<uint64_t>(bytes));
  f->comm->set_data(f);
  f->comm->start();
}

void wire_after(double seconds, void *message) {
  const double date = s4u::Engine::get_clock() + seconds;
  auto &messages = wires.due[date];
  if (messages.empty()) simgrid::kernel::timer::Timer::set(date, [date] { come_due(date); });
  messages.push_back(message);
}

double wire_now(void) { return s4u::Engine::get_clock(); }

void wire_run(const wire_calls *calls) {
  wires.calls = *calls;
  wires.calls.settled(wires.calls.argument);
  wires.engine->run();
}
