/* Poll, arm, look again, block: one ring of clusters/channel and its doorbell.
 *
 * Checked: no wake-up is lost (a consumer that blocks for ever with a message published is an invalid end state), every
 * message arrives once and in order, each sleep costs one doorbell at most, and two honest sides never see a PeerFault.
 *
 * Memory: stores go through a buffer of their process, first in, first out, and reach memory at any time later; loads
 * read memory at once. That is x86 (TSO), except that an exchange whose result is not used is buffered too, as AcqRel
 * allows it to be: stronger machines have fewer behaviours. With X86_EXCHANGE it drains the buffer, as it does there.
 * No process loads what it has in its own buffer, so nothing is forwarded.
 *
 * Left out: generations (see generation.pml), hostile peers (tests/fuzz), words that wrap (64 bits do not).
 *
 * Each of these makes it fail:
 *   NO_RECHECK           Receiver::arm without the second look
 *   NO_PRODUCER_FENCE    Sender::take_wake without its fence
 *   NO_CONSUMER_FENCE    Receiver::arm without its fence (not with X86_EXCHANGE: there the exchange is one)
 *   PLAIN_STORE          Sender::take_wake clears the word by a store
 *   NO_TAKE              Sender::take_wake does not clear the word
 *   RELAXED_PUBLISH      Sender::publish lets the sequence number overtake the message
 *   EARLY_FREE           Receiver::receive frees the slot before it has read it
 *   FORGET_DOORBELL      the doorbell is lost where the consumer does not wait for it yet
 */

#ifndef MESSAGES
#define MESSAGES 6
#endif
#ifndef SPURIOUS
#define SPURIOUS 2
#endif
#define CAPACITY 2

/* Addresses. */
#define PAYLOAD(index)  ((index) % CAPACITY)
#define SEQUENCE(index) (CAPACITY + (index) % CAPACITY)
#define CONSUMED        (2 * CAPACITY)
#define ASLEEP          (2 * CAPACITY + 1)

byte memory[2 * CAPACITY + 2];

/* Store buffers. */
chan producer_stores = [4] of { byte, byte };
chan consumer_stores = [3] of { byte, byte };

/* The doorbell: a notification, which remembers one ring. */
bit bell;
bit waiting;

/* Ghost: the present sleep has not cost a doorbell yet. */
bit owed;

/* fence(SeqCst): what was stored is in memory. */
#define fence(stores) empty(stores)

/* One store reaches memory. */
inline commit(stores)
{
	d_step {
		stores ? address, value;
		memory[address] = value;
		if
		:: address == ASLEEP && value == 1 -> owed = 1
		:: else
		fi;
		address = 0;
		value = 0
	}
}

active proctype memory_system()
{
	byte address, value;
end:	do
	:: nempty(producer_stores) -> commit(producer_stores)
	:: nempty(consumer_stores) -> commit(consumer_stores)
	od
}

/* Doorbells that mean nothing. */
active proctype stray()
{
	byte rung;
	do
	:: atomic { rung < SPURIOUS && bell == 0 -> bell = 1; rung++ }
	:: break
	od
}

inline ring()
{
#ifdef FORGET_DOORBELL
	bell = waiting
#else
	bell = 1
#endif
}

active proctype producer()
{
	byte produced;	/* Sender::produced */
	byte known;	/* Sender::consumed */
	byte count, offset;
	bit asleep;

	do
	:: produced == MESSAGES -> break
	:: else ->
		/* Sender::send, or Sender::send_batch of two. */
		if
		:: count = 1
		:: produced + 2 <= MESSAGES -> count = 2
		fi;
		if
		:: produced + count - known <= CAPACITY
		:: else ->
			/* Sender::free: one load, which is checked. */
			d_step {
				assert(known <= memory[CONSUMED] && memory[CONSUMED] <= produced);
				known = memory[CONSUMED]
			};
			if
			:: produced - known == CAPACITY ->
seen_full:			memory[CONSUMED] != known;	/* SendError::Full: the caller tries again. */
				goto next
			:: else ->
				if
				:: produced + count - known > CAPACITY ->
seen_partial:				count = CAPACITY - (produced - known)
				:: else
				fi
			fi
		fi;

		/* Sender::publish: the first slot of a batch is released last. */
		offset = count;
		do
		:: offset > 0 ->
			offset--;
#ifdef RELAXED_PUBLISH
			producer_stores ! SEQUENCE(produced + offset), produced + offset + 1;
			producer_stores ! PAYLOAD(produced + offset), produced + offset + 1
#else
			producer_stores ! PAYLOAD(produced + offset), produced + offset + 1;
			producer_stores ! SEQUENCE(produced + offset), produced + offset + 1
#endif
		:: else -> break
		od;
		produced = produced + count;

		/* Sender::take_wake. */
#ifndef NO_PRODUCER_FENCE
		fence(producer_stores);
#endif
		asleep = memory[ASLEEP];
		if
		:: asleep == 0 ->
seen_suppressed:	skip
		:: else ->
			/* Its result is used: nothing can be done before it is there. */
			d_step {
#if defined(PLAIN_STORE) || defined(NO_TAKE)
				true
#else
				fence(producer_stores) -> asleep = memory[ASLEEP]; memory[ASLEEP] = 0
#endif
				;
				if
				:: asleep -> assert(owed); owed = 0
				:: else
				fi
			};
#ifdef PLAIN_STORE
			producer_stores ! ASLEEP, 0;
#endif
			if
			:: asleep == 0 ->
seen_too_late:			skip
			:: else ->
				/* Sender::wake. */
seen_rung:			ring()
			fi
		fi;
next:		skip;
		d_step { count = 0; offset = 0; asleep = 0 }
	od
}

/* Receiver::set_asleep. */
inline set_asleep(value)
{
#ifdef X86_EXCHANGE
	d_step { fence(consumer_stores) -> memory[ASLEEP] = value; owed = value | owed }
#else
	consumer_stores ! ASLEEP, value
#endif
}

/* Receiver::ready: one load, which is checked. */
inline look()
{
	d_step {
		ready = memory[SEQUENCE(consumed)] == consumed + 1;
		assert(ready || memory[SEQUENCE(consumed)] ==
			(consumed + 1 > CAPACITY -> consumed + 1 - CAPACITY : 0))
	}
}

active proctype consumer()
{
	byte consumed;	/* Receiver::consumed */
	bit ready;

	do
	:: consumed == MESSAGES -> break
	:: else ->
		/* Polling longer is the same as looking later. */
		look();
		do
		:: ready ->
			/* Receiver::receive, or Receiver::receive_batch, which frees once. */
#ifdef EARLY_FREE
			consumer_stores ! CONSUMED, consumed + 1;
#endif
			d_step { assert(memory[PAYLOAD(consumed)] == consumed + 1); consumed++ };
			if
			:: ready = 0
			:: consumed < MESSAGES -> look();
				if
				:: ready ->
seen_batch:				skip
				:: else
				fi
			fi;
			if
			:: ready
			:: else ->
#ifndef EARLY_FREE
				consumer_stores ! CONSUMED, consumed;
#endif
				break
			fi
		:: else ->
			/* Receiver::arm. */
			set_asleep(1);
#ifndef NO_CONSUMER_FENCE
			fence(consumer_stores);
#endif
#ifndef NO_RECHECK
			look();
#endif
			if
			:: ready ->
seen_refused:			skip
			:: else ->
				if
				:: bell ->
seen_remembered:			bell = 0
				:: else ->
					waiting = 1;
seen_blocked:				d_step { bell -> bell = 0; waiting = 0 }
				fi;
				look();
				if
				:: ready ->
seen_woken:				skip
				:: else ->
seen_spurious:				skip
				fi
			fi;
			/* Receiver::disarm. */
			set_asleep(0);
			ready = 0;
			break
		od
	od
}
