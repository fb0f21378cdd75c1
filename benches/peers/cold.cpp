// Cold starts of workload W2 by the order in which idle environments are taken and by the law of
// cold service, all over the same calls, so that their differences are known far better than each
// of them. Built and read by cold.py: cold CALLS SEED.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <queue>
#include <random>
#include <utility>
#include <vector>

constexpr double RATE = 10.0, WARM = 2.0, COLD = 2.5, TIMEOUT = 600.0;

using Environment = std::pair<double, double>;  // sorted by the first

// A cold run is a warm one and, in a fifth of all cases, another exponential one of 2.5 s: their
// sum is exponential with mean 2.5 s. So both laws of cold service can share a call's draws.
struct Call {
    double at, service, extra;
};

class Platform {
public:
    Platform(bool newest_first, bool slow_cold) : newest_first(newest_first), slow_cold(slow_cold) {}

    // Whether the call starts cold.
    bool takes(const Call& call) {
        for (; !running.empty() && running.top().first <= call.at; running.pop()) {
            release(running.top().first, running.top().second);
        }
        // By last use, where the top has expired all have; by creation each may have.
        while (!idle.empty() && call.at - idle.back().second >= TIMEOUT) idle.pop_back();
        const bool cold = idle.empty();
        const double created = cold ? call.at : idle.back().first;
        if (!cold) idle.pop_back();
        const double extra = cold && slow_cold ? call.extra : 0.0;
        running.emplace(call.at + call.service + extra, created);
        return cold;
    }

private:
    bool newest_first, slow_cold;
    std::priority_queue<Environment, std::vector<Environment>, std::greater<>> running;
    std::vector<Environment> idle;  // created, released; the next to be taken is last

    void release(double now, double created) {
        const Environment one{created, now};
        const auto place = newest_first ? std::upper_bound(idle.begin(), idle.end(), one) : idle.end();
        idle.insert(place, one);
    }
};

int main(int, char** arguments) {
    const std::int64_t calls = std::atoll(arguments[1]);
    std::mt19937_64 random(std::strtoull(arguments[2], nullptr, 10));
    std::exponential_distribution<double> unit(1.0);
    std::bernoulli_distribution longer(1.0 - WARM / COLD);
    Platform platforms[] = {{false, false}, {false, true}, {true, true}};
    std::int64_t cold[3] = {};
    double now = 0.0;
    for (std::int64_t done = -20'000; done < calls; ++done) {
        now += unit(random) / RATE;
        const Call call{now, WARM * unit(random), longer(random) ? COLD * unit(random) : 0.0};
        for (int i = 0; i < 3; ++i) cold[i] += platforms[i].takes(call) && done >= 0;
    }
    for (const std::int64_t count : cold) std::printf("%lld ", static_cast<long long>(count));
}
