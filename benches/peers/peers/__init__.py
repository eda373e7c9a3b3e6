"""Other runtimes on the networks of ringfence, timed side by side."""
