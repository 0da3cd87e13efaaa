"""Reports for people: one self-contained HTML file each, of one design.

Templates, style and script lie in ``templates/``; `fp.reports.page` puts them
together under a policy that lets nothing else take effect. What a report says of a detection is in
`fp.reports.detections`; of an audit, an evaluation and a lineage beside what makes
these.
"""
