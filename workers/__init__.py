"""customs-watch: watches parcels through customs and writes only when it matters.

A tour: ``core`` decides and touches nothing; ``knowledge`` is what we know about customs, as data;
``sources`` ask where a parcel is; ``store`` remembers; ``render`` and ``channels`` tell the person;
``pipeline`` calls these in order; ``actors`` and ``scheduler`` run the pipeline; ``app`` wires everything
together and owns the clock; ``cli`` answers the user's doubts. Importing any module does nothing else.
"""

__version__ = "0.1.0"
