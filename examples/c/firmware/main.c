/* Certifies one image on a Cortex-M4 and prints what examples/c/certify.c prints on a host, for the same seed. */
#include "board.h"
#include "ringfence.h"

/* What `ringfence inspect` calls the arena of a sample. */
static uint8_t arena[37056];
static ringfence_model model;
static ringfence_run run;
static ringfence_outcome outcome;
static ringfence_verdict verdict;

/* Leaves the program with an error unless all is well. */
static void check(ringfence_status status)
{
    if (status == RINGFENCE_STATUS_OK)
        return;
    print("error: ");
    print(ringfence_status_message(status));
    print("\n");
    leave(1);
}

static void report(void)
{
    print("class ");
    print_number(outcome.class_index);
    print("\ncounts");
    for (uint32_t class = 0; class < outcome.classes; class++) {
        print(" ");
        print_number(outcome.counts[class]);
    }
    print("\nscores");
    for (uint32_t class = 0; class < verdict.classes; class++) {
        print(" ");
        print_number((uint32_t)verdict.scores[class]);
    }
    if (outcome.decision == RINGFENCE_DECISION_CERTIFIED) {
        print("\ncertified radius ");
        print_number(outcome.radius);
        print("\n");
    } else {
        print("\nabstained\n");
    }
}

int main(void)
{
    check(ringfence_model_parse(model_start, (size_t)(model_end - model_start), &model));

    ringfence_smoother smoother = {.model = &model, .arena = arena, .arena_bytes = sizeof arena};
    /* A camera's frame: here a picture in flash. */
    ringfence_image image = {.pixels = pixels_start, .length = (size_t)(pixels_end - pixels_start), .channels = 3,
                             .height = 32, .width = 32, .layout = RINGFENCE_LAYOUT_HWC};
    /* The smallest table of the model: 32 samples choose the class and are counted. */
    ringfence_budget budget = {.method = RINGFENCE_METHOD_SINGLE_STAGE, .n = 32, .alpha = 0.001};
    /* On a product, bytes of the hardware generator, new ones for each image. */
    ringfence_seed seed;
    for (size_t i = 0; i < sizeof seed.bytes; i++)
        seed.bytes[i] = 0x5e;

    check(ringfence_run_begin(&smoother, &image, &seed, &budget, &run));
    for (bool finished = false; !finished;) {
        check(ringfence_run_step(&run, 4, &finished));
        serve_watchdog();
    }
    check(ringfence_run_finish(&run, &outcome));
    check(ringfence_vote(&smoother, &image, &seed, 10, RINGFENCE_VOTE_KIND_SOFT, &verdict));
    report();
    return 0;
}
