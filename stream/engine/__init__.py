"""What Faust and the broker's client need to do this work: chunks, patience, safe connections."""
