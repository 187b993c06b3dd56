"""Small helpers that the other modules share; none of them imports these modules."""
