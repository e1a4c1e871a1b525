FROM localhost/trimtab/python:3.11-bookworm AS build
WORKDIR /srv/help
COPY pages/ pages/
COPY build_index.py ./
RUN python build_index.py

FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/help
COPY --from=build /srv/help ./
COPY server.py ./
EXPOSE 8000
CMD ["python", "server.py"]
