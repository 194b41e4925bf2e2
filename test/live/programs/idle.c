/* Does nothing and ends with 0: what tests start when only the start matters. Static, so that it runs in any root. */
int main(void) { return 0; }
