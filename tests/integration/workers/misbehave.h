/* The worker that does what real ones do on bad days: what its files share. */
#ifndef MISBEHAVE_H
#define MISBEHAVE_H

#include <stdint.h>

#include <reeve/worker.h>

#define PARAMETERS_MAX 4

/* The honest part goes on until the trigger, and mostly after it; a mode changes some of this. */
struct misbehave {
    struct reeve_worker* worker;
    const char* parameter[PARAMETERS_MAX];
    int parameters;
    const char* marker; /* file to which it appends how it was told to end */

    int speaks;     /* Hello, Ready, beats: all that a native worker says */
    int drains;     /* Hello says that Drain is acted on */
    int beats;      /* 0: silent from now on */
    int ready_owed; /* Ready is still to be said */
    int ignores_end;
    int serves;
    int core;

    long flood;                 /* packets written at each turn */
    int garbage;                /* at each turn */
    int chatter_fd;             /* lines are written to it at each turn; -1 = none */
    double requests_per_second; /* reported */
    double requests_due;
};

extern struct misbehave self;

/* A mode: what happens once the trigger fires. `prepare` runs first of all, before Hello; either
 * may be null. */
struct mode {
    const char* name;
    int parameters; /* least number of them */
    void (*prepare)(void);
    void (*act)(void);
    const char* help;
};

extern const struct mode modes[];
extern const unsigned mode_count;

/* Things that a mode told the loop to do at each turn. */
void misbehave_each_turn(double seconds);

/* Writes facts about this process as JSON to `path`, whole or not at all. */
void print_state(const char* path);

void trigger_at_ms(long after_ms);
int64_t now_ms(void);
long parameter_number(int index, long otherwise);
int heartbeat_fd(void);
int control_fd(void);
void append_line(const char* path, const char* line);

#endif
