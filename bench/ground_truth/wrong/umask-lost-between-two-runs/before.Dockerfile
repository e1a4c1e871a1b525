FROM localhost/trimtab/python:3.11-bookworm
RUN groupadd --gid 1700 drop && useradd --uid 1700 --gid 1700 writer
RUN umask 002 && mkdir -p /srv/drop/inbox && chgrp -R drop /srv/drop
WORKDIR /srv/drop
COPY server.py ./
USER writer
EXPOSE 8000
CMD ["python", "server.py"]
