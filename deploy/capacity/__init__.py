"""`opecom capacity`: what a load takes, computed from what was measured."""
