// The loop that a C++ programmer writes first: std::priority_queue of ends, the standard library's
// random numbers. Built and run by compiled.py: loop TASK CALLS LEAD SEED, the functions of W3 on
// the standard input; prints the seconds of CPU time of the loop and what it counted after the lead.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <iostream>
#include <queue>
#include <random>
#include <string>
#include <utility>
#include <vector>

template <typename T>
using Earliest = std::priority_queue<T, std::vector<T>, std::greater<T>>;
using Exponential = std::exponential_distribution<double>;
using Count = std::int64_t;

// W1: one pool.
Count one_pool(Count calls, Count lead, std::mt19937_64& random) {
    constexpr std::size_t limit = 1'000;
    Exponential gap(1'000.0), duration(1.0);
    Earliest<double> ends;
    double now = 0.0;
    Count throttled = 0;
    for (Count call = 0; call < calls; ++call) {
        now += gap(random);
        while (!ends.empty() && ends.top() <= now) ends.pop();
        if (ends.size() < limit) {
            ends.push(now + duration(random));
        } else {
            throttled += call >= lead;
        }
    }
    return throttled;
}

// W2: idle environments on a stack, the most recently used on top. Where the top has expired, all
// have.
Count environments(Count calls, Count lead, std::mt19937_64& random) {
    constexpr std::size_t limit = 1'000;
    constexpr double timeout = 600.0;
    Exponential gap(10.0), warm_service(1.0 / 2.0), cold_service(1.0 / 2.5);
    Earliest<double> ends;
    std::vector<double> released;
    double now = 0.0;
    Count cold = 0;
    for (Count call = 0; call < calls; ++call) {
        now += gap(random);
        for (; !ends.empty() && ends.top() <= now; ends.pop()) released.push_back(ends.top());
        if (ends.size() >= limit) continue;
        if (!released.empty() && now - released.back() < timeout) {
            released.pop_back();
            ends.push(now + warm_service(random));
        } else {
            released.clear();
            ends.push(now + cold_service(random));
            cold += call >= lead;
        }
    }
    return cold;
}

struct Functions {
    std::vector<int> free;  // of each pool
    std::vector<double> rates;
    std::vector<std::lognormal_distribution<double>> durations;
    std::vector<int> pool_of;
};

Functions read_functions() {
    Functions all;
    std::size_t count;
    std::string first;
    std::getline(std::cin, first);
    char* at = first.data();
    count = std::strtoull(at, &at, 10);
    for (char* next; std::strtol(at, &next, 10), next != at; at = next) {
        all.free.push_back(static_cast<int>(std::strtol(at, nullptr, 10)));
    }
    for (std::size_t i = 0; i < count; ++i) {
        double rate, mu, sigma;
        int pool;
        std::cin >> rate >> mu >> sigma >> pool;
        all.rates.push_back(rate);
        all.durations.emplace_back(mu, sigma);
        all.pool_of.push_back(pool);
    }
    return all;
}

// W3: one Poisson stream, each call of which is a function's by its share.
Count many(Functions all, Count calls, Count lead, std::mt19937_64& random) {
    double rate = 0.0;
    for (const double each : all.rates) rate += each;
    Exponential gap(rate);
    std::discrete_distribution<int> which(all.rates.begin(), all.rates.end());
    Earliest<std::pair<double, int>> ends;
    double now = 0.0;
    Count throttled = 0;
    for (Count call = 0; call < calls; ++call) {
        now += gap(random);
        for (; !ends.empty() && ends.top().first <= now; ends.pop()) ++all.free[ends.top().second];
        const int function = which(random), pool = all.pool_of[function];
        if (all.free[pool] > 0) {
            --all.free[pool];
            ends.emplace(now + all.durations[function](random), pool);
        } else {
            throttled += call >= lead;
        }
    }
    return throttled;
}

int main(int, char** arguments) {
    const std::string task = arguments[1];
    const Count calls = std::atoll(arguments[2]), lead = std::atoll(arguments[3]);
    std::mt19937_64 random(std::strtoull(arguments[4], nullptr, 10));
    const Functions all = read_functions();
    const auto run = [&](Count calls, Count lead) {
        if (task == "W1") return one_pool(calls, lead, random);
        if (task == "W2") return environments(calls, lead, random);
        return many(all, calls, lead, random);
    };
    run(calls / 20, 0);  // warm
    const std::clock_t began = std::clock();
    const Count found = run(calls, lead);
    const double seconds = static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
    std::printf("%.9f %lld\n", seconds, static_cast<long long>(found));
}
