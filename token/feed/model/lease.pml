/* The lease protocol of package feed, for the model checker spin: a server that
 * answers from its cache, and a revocation elsewhere. Servers know nothing of
 * each other, so one stands for all. spin tries every order in which the steps
 * below can happen, with any time between any two of them: a server that is
 * frozen, cut off or killed is one whose next step does not come.
 *
 * The property is the assertion: once the revocation has returned, the server
 * does not answer "active".
 *
 * A step here is one in the program: a statement that the database executes, or
 * what is done under a lock. The last check of an answer and its hand-over to the
 * operating system are one step; what that leaves out is in docs/revocation.md,
 * under "What is not promised".
 *
 * With one of the names in .ci/model defined, a step is left out or done in
 * another order. spin must find what that breaks: so the model can fail.
 */

#define TRUST   2 /* for how many ticks a server trusts its cache: a lease, less 1 % */
#define WAIT    3 /* for how many a revocation waits for it: a lease, plus 1 % */
#define SILENCE 6 /* after how many without a renewal a row is swept */

/* The database. */
bool revoked; /* the token is, and its change is in the feed as number 1 */
bool row;     /* the server has a row */
bit  seen;    /* up to where it has applied the feed, according to its row */
byte silent;  /* ticks since the row was renewed */

/* The server. */
bool cached;  /* the cache says that the token is active */
bool locked;  /* the lock of the token: held from the last check of an answer until it is sent */
bool changed; /* something was dropped from the cache since the epoch was taken */
byte polling; /* ticks since the last poll began */
byte trust;   /* ticks for which the cache may still be trusted */
byte asked;   /* ticks since the database was asked for what an answer is to rest on */
bool asking;  /* it was, and there is no answer yet */

/* The revocation. */
bool listed, returned;
byte waited;  /* ticks since the list was read */

/* Whatever is dropped is dropped under the lock. */
inline drop() { atomic { !locked -> cached = false; changed = true } }

inline answer_active() { assert(!returned) }

/* Time passes for both at once: no clock is compared with another, and they run
 * equally fast. */
active proctype Time() {
end:	do
	:: d_step {
		if :: polling < WAIT -> polling++ :: else fi;
		if :: silent < SILENCE -> silent++ :: else fi;
		if :: trust > 0 -> trust-- :: else fi;
		if :: asking && asked < WAIT -> asked++ :: else fi;
		if :: listed && waited < WAIT -> waited++ :: else fi
	}
	od
}

/* The server polls, in this order. At any step the database may not answer. */
active proctype Poll() {
	bit applied, read;
end:	do
	:: polling = 0; /* note the time */
	   if /* renew the row, or enter as a new server */
	   :: atomic { row -> silent = 0 }
	   :: atomic { !row -> row = true; silent = 0; seen = revoked; applied = revoked };
#if defined(DROP_WITHOUT_LOCK)
		d_step { cached = false; changed = true }
#elif !defined(KEEP_WHEN_ENTERING)
		drop()
#endif
	   :: goto end
	   fi;
	   if
	   :: read = revoked /* read the feed */
	   :: goto end
	   fi;
	   if
	   :: read > applied -> drop(); applied = read /* apply it */
	   :: else
	   fi;
	   if
	   :: atomic { row -> seen = applied } /* acknowledge it */
	   :: goto end
	   fi;
#ifdef TRUST_FROM_THE_END
	   trust = TRUST
#else
	   d_step { trust = (polling < TRUST -> TRUST - polling : 0) }
#endif
	od
}

/* An answer rests on the cache if that is trusted, or else on the database. */
active proctype Answer() {
	bool found, trusted;
end:	do
	:: atomic { !locked -> locked = true };
#ifdef TRUST_LOOKED_AT_FIRST
	   trusted = trust > 0;
	   if
	   :: atomic { cached && trusted -> answer_active() }
#else
	   found = cached;
	   if
	   :: atomic { found && trust > 0 -> answer_active() }
#endif
	   :: else -> /* a server without a row does not answer yet */
		d_step { row -> asking = true; asked = 0 };
		found = !revoked;
#ifdef ANSWER_WHAT_IS_OLD
		if :: atomic { found -> answer_active() }
#else
		if :: atomic { found && asked < TRUST -> answer_active() }
#endif
		:: else
		fi;
		d_step { asking = false; asked = 0 }
	   fi;
	   d_step { locked = false; found = false; trusted = false }
	od
}

/* Somebody has read the database, without a lock, and the cache is to know. */
active proctype Fill() {
	bool found;
end:	do
	:: changed = false; /* take the epoch */
	   found = !revoked;
	   if
#ifdef CACHE_WHAT_IS_OLD
	   :: found -> cached = true
#else
	   :: atomic { found && !changed -> cached = true }
#endif
	   :: else
	   fi;
	   found = false
	od
}

/* A row that was not renewed for a long time is swept. That the server can read
 * the database all the while is left out: see "What is not promised". */
active proctype Sweep() {
end:	do
	:: atomic { row && silent == SILENCE && !asking -> row = false }
	od
}

/* The revocation commits, reads the list of servers, and waits. */
active proctype Revoke() {
	bool waiting;
#ifdef LIST_BEFORE_COMMIT
	atomic { waiting = row; listed = true };
	revoked = true;
#else
	revoked = true;
	atomic { waiting = row; listed = true };
#endif
	if
	:: waiting -> (!row || seen || waited == WAIT)
	:: else
	fi;
	returned = true
}
