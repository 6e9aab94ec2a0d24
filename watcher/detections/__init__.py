"""Detection results beside the pictures: a detector's word on people, vehicles and empty pictures counts."""
