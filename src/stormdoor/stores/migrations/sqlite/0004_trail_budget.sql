-- The budget for entries of the trail that unauthenticated clients cause: the second until which it is spent.

ALTER TABLE trail_state ADD COLUMN budget_spent_until DOUBLE DEFAULT '0' NOT NULL;
